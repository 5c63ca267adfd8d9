//! The shop: the repository that rehearsals begin with, and the fixes that the scenarios write.
//!
//! Plain text, so that one place tells the story. Dates count back from the world's start.

use jiff::{SignedDuration, Timestamp};

use crate::error::Result;

use super::repository::Repository;
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
  stage: deploy
  needs: []
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
    let (main, develop) = (&setup.production, &setup.integration);
    let mut history = History { stream: String::new(), start: setup.start, commits: 0 };
    history.commit(
        main,
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
    );
    let gateway = &[("apps/api-gateway/router.py", ROUTER)];
    // Commits are numbered from one; the second is the gateway's own branch.
    history.commit(develop, &[1], "dev", "Add the API gateway\n", gateway);
    history.commit(main, &[1, 2], "mia", "Merge branch 'gateway' into 'main'\n", gateway);
    history.commit(
        main,
        &[3],
        "bo",
        "Keep sessions in a table\n",
        &[("db/migrate/20260101120000_create_sessions.rb", CREATE_SESSIONS)],
    );
    let search = &[("apps/api-gateway/router.py", ROUTER_DEVELOP)];
    history.commit(develop, &[4], "dev", "Route search to its own service\n", search);
    let redis = &[("apps/portal/app/session.rb", SESSION_DEVELOP)];
    history.commit(develop, &[5], "bo", "Move sessions to Redis\n", redis);
    let docs = &[("docs/search.md", "# Search\n\nThe gateway sends /search to it.\n")];
    history.commit(develop, &[6], "mia", "Describe the search service\n", docs);
    repository.import(history.stream.as_bytes())
}

/// A stream for `git fast-import`: one commit a day.
struct History {
    stream: String,
    start: Timestamp,
    commits: i64,
}

impl History {
    fn commit(&mut self, branch: &str, parents: &[i64], who: &str, message: &str, files: &[(&str, &str)]) {
        self.commits += 1;
        let age = SignedDuration::from_hours(24 * (30 - self.commits));
        let at = self.start.saturating_sub(age).unwrap_or(self.start).as_second();
        let name = super::founding::person_name(who);
        let mut add = |line: String| {
            self.stream.push_str(&line);
            self.stream.push('\n');
        };
        add(format!("commit refs/heads/{branch}\nmark :{}", self.commits));
        add(format!("author {name} <{who}@shop.example> {at} +0000"));
        add(format!("committer {name} <{who}@shop.example> {at} +0000"));
        add(format!("data {}\n{message}", message.len()));
        for (parent, word) in parents.iter().zip(["from", "merge"]) {
            add(format!("{word} :{parent}"));
        }
        for (path, text) in files {
            add(format!("M 100644 inline {path}\ndata {}\n{text}", text.len()));
        }
    }
}
