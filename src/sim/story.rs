//! The shop: the repository that rehearsals begin with, and the fixes that the scenarios write.
//!
//! Plain text, so that one place tells the story. Dates count back from the world's start.

use jiff::{SignedDuration, Timestamp};

use crate::error::Result;

use super::repository::{Repository, Signature};
use super::setup::Setup;

pub(super) const LOGIN_MESSAGE: &str = "Fix login 500 without a session\n\n\
    A visitor whose session expired has no user id: answer 401 instead of failing.\n";
pub(super) const LOGIN_FIX: &[(&str, &str)] = &[("apps/portal/app/login.rb", LOGIN_FIXED)];

pub(super) const SESSION_MESSAGE: &str = "Expire sessions after 15 minutes\n\n\
    The audit found sessions that live for a day.\n";
pub(super) const SESSION_FIX: &[(&str, &str)] = &[("apps/portal/app/session.rb", SESSION_FIXED)];

pub(super) const INDEX_MESSAGE: &str = "Index sessions by user\n\nLooking a session up scans the table.\n";
pub(super) const INDEX_FIX: &[(&str, &str)] = &[
    ("apps/portal/app/login.rb", LOGIN_FIXED),
    ("db/migrate/20260301030000_index_sessions_on_user.rb", MIGRATION),
];

pub(super) const ORDERS: &str = "apps/admin/app/orders.rb";
pub(super) const ORDERS_FIXED: &str = r#"# Orders, as the back office sees them.
class Orders
  def export(orders)
    orders.map { |order| [order.id, quote(order.customer), order.total].join(",") }.join("\n")
  end

  private

  def quote(text)
    text.include?(",") ? text.dump : text
  end
end
"#;

const ORDERS_FIRST: &str = r#"# Orders, as the back office sees them.
class Orders
  def export(orders)
    orders.map { |order| [order.id, order.customer, order.total].join(",") }.join("\n")
  end
end
"#;

const LOGIN: &str = r#"# Lets a customer in.
class Login
  def call(request)
    session = Session.find(request.cookie("session"))
    user = User.find(session.user_id)
    render("welcome", name: user.name)
  end
end
"#;

const LOGIN_FIXED: &str = r#"# Lets a customer in.
class Login
  def call(request)
    session = Session.find(request.cookie("session"))
    return head(401) if session.nil?

    user = User.find(session.user_id)
    render("welcome", name: user.name)
  end
end
"#;

const SESSION: &str = r#"# A customer's session.
class Session
  LIFETIME = 24 * 60 * 60

  def self.find(id)
    row = DB[:sessions].first(id: id)
    new(row) if row && row[:created_at] > Time.now - LIFETIME
  end
end
"#;

const SESSION_FIXED: &str = r#"# A customer's session.
class Session
  LIFETIME = 15 * 60

  def self.find(id)
    row = DB[:sessions].first(id: id)
    new(row) if row && row[:created_at] > Time.now - LIFETIME
  end
end
"#;

const SESSION_DEVELOP: &str = r#"# A customer's session, kept in Redis.
class Session
  LIFETIME = Settings.session.lifetime

  def self.find(id)
    row = Store.get("session:#{id}")
    new(row) if row
  end
end
"#;

const ROUTER: &str = r#"# Which service answers which path.
ROUTES = {
    "/orders": "http://admin.internal",
    "/login": "http://portal.internal",
}


def target(path):
    return next((host for prefix, host in ROUTES.items() if path.startswith(prefix)), None)
"#;

const ROUTER_DEVELOP: &str = r#"# Which service answers which path.
ROUTES = {
    "/orders": "http://admin.internal",
    "/login": "http://portal.internal",
    "/search": "http://search.internal",
}


def target(path):
    return next((host for prefix, host in ROUTES.items() if path.startswith(prefix)), None)
"#;

const CREATE_SESSIONS: &str = "class CreateSessions < Migration\n  def change\n    create_table :sessions do |t|\n      \
    t.string :user_id\n      t.timestamp :created_at\n    end\n  end\nend\n";
const MIGRATION: &str =
    "class IndexSessionsOnUser < Migration\n  def change\n    add_index :sessions, :user_id\n  end\nend\n";

const CI: &str = r#"stages: [check, build, test, deploy, after-deploy]

lint:
  stage: check
  script: make lint

trivy:
  stage: check
  script: make trivy
  allow_failure: true

build:
  stage: build
  script: make build

coverage:
  stage: test
  script: make coverage
  rules:
    - if: $CI_PIPELINE_SOURCE == "merge_request_event"

deploy-prod-hotfix:
  stage: deploy
  script: make deploy
  environment: production
  rules:
    - if: $CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH
      when: manual
      allow_failure: false

run-migrations-prod:
  stage: after-deploy
  script: make migrate
  rules:
    - if: $CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH
      when: manual
      allow_failure: true

rollback-prod-hotfix:
  stage: after-deploy
  script: make rollback
  rules:
    - if: $CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH
      when: manual
      allow_failure: true
"#;

fn settings(setup: &Setup) -> String {
    format!(
        "[branches]\nproduction = \"{}\"\ntargets = [\"{}\"]\n\n[deploy]\njob = \"deploy-prod-hotfix\"\n\
         environment = \"{}\"\napps = [\"portal\", \"admin\", \"api-gateway\"]\n\n[deploy.approvals]\n\
         tech-lead = \"tech-leads\"\npm = \"product\"\n\n[migrations]\njob = \"run-migrations-prod\"\n\
         paths = [\"**/migrations/**\", \"db/migrate/**\"]\n",
        setup.production, setup.integration, setup.environment
    )
}

/// Writes the shop's history and sets both branches.
pub(super) fn write(repository: &Repository, setup: &Setup) -> Result<()> {
    let settings = settings(setup);
    let mut author = Author { repository, start: setup.start, hours: 24 * 30 };
    let first = author.commit(
        &[],
        "mia",
        "Start the shop\n",
        &[
            ("README.md", "# shop/web\n\nThe shop: portal, admin and the API gateway.\n"),
            (".gitlab-ci.yml", CI),
            (".hotfix.toml", &settings),
            ("apps/portal/app/login.rb", LOGIN),
            ("apps/portal/app/session.rb", SESSION),
            (ORDERS, ORDERS_FIRST),
        ],
    )?;
    let gateway = author.commit(
        &[&first],
        "dev",
        "Add the API gateway\n",
        &[("apps/api-gateway/router.py", ROUTER)],
    )?;
    let merged = author.merge(&first, &gateway, "mia", "Merge branch 'gateway' into 'main'\n")?;
    let main = author.commit(
        &[&merged],
        "bo",
        "Keep sessions in a table\n",
        &[("db/migrate/20260101120000_create_sessions.rb", CREATE_SESSIONS)],
    )?;
    let search = author.commit(
        &[&main],
        "dev",
        "Route search to its own service\n",
        &[("apps/api-gateway/router.py", ROUTER_DEVELOP)],
    )?;
    let redis = author.commit(
        &[&search],
        "bo",
        "Move sessions to Redis\n",
        &[("apps/portal/app/session.rb", SESSION_DEVELOP)],
    )?;
    let develop = author.commit(
        &[&redis],
        "mia",
        "Describe the search service\n",
        &[("docs/search.md", "# Search\n\nThe gateway sends /search to it.\n")],
    )?;
    repository.set_ref(&format!("refs/heads/{}", setup.production), &main)?;
    repository.set_ref(&format!("refs/heads/{}", setup.integration), &develop)
}

struct Author<'a> {
    repository: &'a Repository,
    start: Timestamp,
    /// How long before the world's start the next commit is made.
    hours: i64,
}

impl Author<'_> {
    fn signature(&mut self, who: &str) -> Signature {
        self.hours -= 24;
        let at = self.start.saturating_sub(SignedDuration::from_hours(self.hours)).unwrap_or(self.start);
        let name = super::founding::person_name(who).to_owned();
        Signature { name, email: format!("{who}@shop.example"), date: format!("@{} +0000", at.as_second()) }
    }

    fn commit(
        &mut self,
        parents: &[&str],
        who: &str,
        message: &str,
        files: &[(&str, &str)],
    ) -> Result<String> {
        let files: Vec<_> =
            files.iter().map(|(path, text)| ((*path).to_owned(), Some((*text).to_owned()))).collect();
        let tree = self.repository.tree_with(parents.first().copied(), &files)?;
        let by = self.signature(who);
        self.repository.commit_tree(&tree, parents, message, &by, &by)
    }

    fn merge(&mut self, ours: &str, theirs: &str, who: &str, message: &str) -> Result<String> {
        let tree = self.repository.tree(theirs)?;
        let by = self.signature(who);
        self.repository.commit_tree(&tree, &[ours, theirs], message, &by, &by)
    }
}
