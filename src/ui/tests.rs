//! What the whole room puts on paper.

use std::io::ErrorKind;

use insta::assert_snapshot;
use serde_json::json;

use super::testing::{Paper, pipe, tty};
use super::*;

fn ui(terminal: Terminal) -> (Ui, Paper) {
    let paper = Paper::default();
    (Ui::over(terminal, Level::Normal, Screen::on_paper(&paper)), paper)
}

fn status() -> Block {
    let approve = Text::from("tech lead ").symbol(Symbol::Done).plain(" bo 03:19   PM ").symbol(Symbol::Dot);
    Block::new()
        .row(
            Row::heading(
                Text::new().with(Style::Strong, "hotfix/login-500").plain("  !412 Fix login 500  shop/web"),
            )
            .note("as of 03:21:04"),
        )
        .blank()
        .row(Row::new(Symbol::Done, "merge", "9f3c1a7e on main, by ana"))
        .row(Row::new(Symbol::Done, "build", "pipeline 88123").note("4m 02s"))
        .row(Row::new(Symbol::Now, "approve", approve.plain(" cleo or dan")).note("waiting 4m"))
        .row(Row::new(Symbol::Later, "deploy", "portal, admin, api-gateway"))
        .row(Row::new(Symbol::Later, "migrate", "1 file, after deploy; a rollback will not undo it"))
        .row(Row::new(Symbol::Later, "backport", "forecast: clean onto develop"))
        .cells("      ", ["app/login.rb", "content", "kim 1c2d3e4f", "2 d ago"].map(Text::from))
        .cells("      ", ["app/old_auth.rb", "deleted on develop", "lee 77aa90b1", "5 d ago"].map(Text::from))
        .blank()
        .text("production runs e77d01b2; this ships !412 and nothing else")
        .cells("next: ", ["PM", "https://gitlab.example/shop/web/-/jobs/991"].map(Text::from))
        .cells(
            "      ",
            [
                Text::from("you"),
                Text::new().with(Style::Command, "git hotfix deploy"),
                Text::from("(waits, then asks to play)"),
            ],
        )
}

#[test]
fn a_view_on_a_wide_terminal() {
    let (ui, paper) = ui(pipe(200));
    ui.data(&status());
    assert_snapshot!(paper.out.read(), @r"
    hotfix/login-500  !412 Fix login 500  shop/web      as of 03:21:04

      ✓ merge     9f3c1a7e on main, by ana
      ✓ build     pipeline 88123                                4m 02s
      ● approve   tech lead ✓ bo 03:19   PM · cleo or dan   waiting 4m
      ○ deploy    portal, admin, api-gateway
      ○ migrate   1 file, after deploy; a rollback will not undo it
      ○ backport  forecast: clean onto develop
          app/login.rb     content             kim 1c2d3e4f  2 d ago
          app/old_auth.rb  deleted on develop  lee 77aa90b1  5 d ago

    production runs e77d01b2; this ships !412 and nothing else
    next: PM   https://gitlab.example/shop/web/-/jobs/991
          you  git hotfix deploy  (waits, then asks to play)
    ");
}

#[test]
fn a_view_in_sixty_columns() {
    let (ui, paper) = ui(pipe(60));
    ui.data(&status());
    assert_snapshot!(paper.out.read(), @r"
    hotfix/login-500  !412 Fix login 500  shop/web
      as of 03:21:04

      ✓ merge     9f3c1a7e on main, by ana
      ✓ build     pipeline 88123                          4m 02s
      ● approve   tech lead ✓ bo 03:19   PM · cleo or dan
                  waiting 4m
      ○ deploy    portal, admin, api-gateway
      ○ migrate   1 file, after deploy; a rollback will not undo
                  it
      ○ backport  forecast: clean onto develop
          app/login.rb  content  kim 1c2d3e4f  2 d ago
          app/old_auth.rb  deleted on develop  lee 77aa90b1  5 d
            ago

    production runs e77d01b2; this ships !412 and nothing else
    next: PM   https://gitlab.example/shop/web/-/jobs/991
          you  git hotfix deploy  (waits, then asks to play)
    ");
}

#[test]
fn a_view_in_thirty_columns_leaves_notes_out() {
    let (ui, paper) = ui(pipe(30));
    ui.data(&status());
    assert_snapshot!(paper.out.read(), @r"
    hotfix/login-500  !412 Fix
    login 500  shop/web

      ✓ merge     9f3c1a7e on
                  main, by ana
      ✓ build     pipeline 88123
      ● approve   tech lead ✓ bo
                  03:19   PM ·
                  cleo or dan
      ○ deploy    portal, admin,
                  api-gateway
      ○ migrate   1 file, after
                  deploy; a
                  rollback will
                  not undo it
      ○ backport  forecast: clean
                  onto develop
          app/login.rb  content
            kim 1c2d3e4f  2 d ago
          app/old_auth.rb  deleted
            on develop  lee
            77aa90b1  5 d ago

    production runs e77d01b2; this
    ships !412 and nothing else
    next: PM  https://gitlab.example/shop/web/-/jobs/991
          you  git hotfix deploy
            (waits, then asks to
            play)
    ");
}

#[test]
fn a_view_in_ascii() {
    let (ui, paper) = ui(Terminal { ascii: true, ..pipe(200) });
    ui.data(&status());
    assert_snapshot!(paper.out.read(), @r"
    hotfix/login-500  !412 Fix login 500  shop/web        as of 03:21:04

      ok merge     9f3c1a7e on main, by ana
      ok build     pipeline 88123                                 4m 02s
      *  approve   tech lead ok bo 03:19   PM - cleo or dan   waiting 4m
      o  deploy    portal, admin, api-gateway
      o  migrate   1 file, after deploy; a rollback will not undo it
      o  backport  forecast: clean onto develop
          app/login.rb     content             kim 1c2d3e4f  2 d ago
          app/old_auth.rb  deleted on develop  lee 77aa90b1  5 d ago

    production runs e77d01b2; this ships !412 and nothing else
    next: PM   https://gitlab.example/shop/web/-/jobs/991
          you  git hotfix deploy  (waits, then asks to play)
    ");
    assert!(paper.out.read().is_ascii());
}

#[test]
fn a_view_in_colour_differs_in_escapes_only() {
    for columns in [60, 200] {
        let (plain, plain_paper) = ui(pipe(columns));
        plain.data(&status());
        let (colored, paper) = ui(Terminal { stdout_color: true, ..pipe(columns) });
        colored.data(&status());
        assert_ne!(paper.out.read(), plain_paper.out.read());
        assert_eq!(console::strip_ansi_codes(&paper.out.read()), plain_paper.out.read());
    }
    let (ui, paper) = ui(Terminal { stdout_color: true, ..pipe(200) });
    ui.data(&status());
    assert_snapshot!(paper.out.read().escape_default().to_string().replace("\\n", "\n").lines().next().unwrap(), @r"\u{1b}[1mhotfix/login-500\u{1b}[0m  !412 Fix login 500  shop/web      as of 03:21:04");
}

fn problem() -> Problem {
    Problem::new(Kind::Refused, "hotfix/login-500 is behind main, which has moved since the branch was cut")
        .because("main lacks what production runs:\ne77d01b2 \u{1b}[31mby \u{202e}ana")
        .hint("put it onto main with `git rebase --onto origin/main e77d01b2 hotfix/login-500`, then push")
        .hint("or start over with git hotfix start login-500 --pick e77d01b2 --worktree ../login")
}

#[test]
fn an_error_in_sixty_columns() {
    let (ui, paper) = ui(pipe(60));
    ui.error(&problem());
    assert_snapshot!(paper.err.read(), @r"
    error: hotfix/login-500 is behind main, which has moved
           since the branch was cut
      caused by: main lacks what production runs:
                 e77d01b2 \x1b[31mby \u{202e}ana
    hint: put it onto main with
          `git rebase --onto origin/main e77d01b2 hotfix/login-500`,
          then push
    hint: or start over with
          git hotfix start login-500 --pick e77d01b2 --worktree ../login
    ");
    assert_eq!(paper.out.read(), "");
}

#[test]
fn an_error_where_nobody_told_the_width_is_not_broken() {
    let (ui, paper) = ui(Terminal { width: Width::Assumed, ..pipe(80) });
    ui.error(&problem());
    assert_snapshot!(paper.err.read(), @r"
    error: hotfix/login-500 is behind main, which has moved since the branch was cut
      caused by: main lacks what production runs:
                 e77d01b2 \x1b[31mby \u{202e}ana
    hint: put it onto main with `git rebase --onto origin/main e77d01b2 hotfix/login-500`, then push
    hint: or start over with git hotfix start login-500 --pick e77d01b2 --worktree ../login
    ");
}

#[test]
fn an_error_in_colour() {
    let (ui, paper) = ui(Terminal { stderr_color: true, ..pipe(60) });
    ui.error(&Problem::new(Kind::Failed, "no").hint("git hotfix status").hint("look (or git hotfix list)"));
    assert_snapshot!(paper.err.read().escape_default().to_string().replace("\\n", "\n"), @r"
    \u{1b}[31m\u{1b}[1merror:\u{1b}[0m no
    \u{1b}[33mhint:\u{1b}[0m \u{1b}[1mgit hotfix status\u{1b}[0m
    \u{1b}[33mhint:\u{1b}[0m look (or \u{1b}[1mgit hotfix list\u{1b}[0m)
    ");
}

#[test]
fn an_error_as_json_holds_no_raw_control_character() {
    let (ui, paper) = ui(pipe(60));
    ui.hide("hunter2");
    ui.error_json(
        &Problem::new(Kind::Rejected, "ha\u{9b}ha hunter2")
            .because("\u{7f}\u{202e}")
            .hint("git hotfix status"),
    );
    assert_snapshot!(paper.out.read(), @r#"
    {
      "version": 1,
      "error": {
        "kind": "rejected",
        "message": "ha\u009bha ********",
        "causes": [
          "\u007f\u202e"
        ],
        "hints": [
          "git hotfix status"
        ]
      }
    }
    "#);
}

#[test]
fn talk_goes_to_one_stream_and_data_to_the_other() {
    let (ui, paper) = ui(pipe(60));
    ui.line("9f3c1a7e\nforged");
    ui.say("pushed hotfix/login-500");
    ui.detail("not said unless verbose");
    ui.warn("the token expires in 2 d");
    ui.hint("git hotfix status");
    ui.bell();
    assert_snapshot!(paper.out.read(), @r"9f3c1a7e\nforged");
    assert_snapshot!(paper.err.read(), @r"
    pushed hotfix/login-500
    warning: the token expires in 2 d
    hint: git hotfix status
    ");
}

#[test]
fn quiet_keeps_warnings_and_errors() {
    let paper = Paper::default();
    let ui = Ui::over(pipe(60), Level::Quiet, Screen::on_paper(&paper));
    ui.say("pushed");
    ui.hint("git hotfix status");
    ui.say_block(&status());
    ui.warn("old");
    ui.error(&Problem::new(Kind::Failed, "no").hint("git hotfix doctor"));
    assert_snapshot!(paper.err.read(), @r"
    warning: old
    error: no
    hint: git hotfix doctor
    ");
}

#[test]
fn secrets_are_masked_wherever_they_are_said() {
    let (ui, paper) = ui(pipe(24));
    ui.hide("pass word with spaces in it");
    ui.line("pass word with spaces in it");
    ui.data(&Block::new().text("a pass word with spaces in it").row(Row::heading("h").note("glpat-abc")));
    ui.document("page\n\tglpat-abcdef\n");
    ui.json(&json!({ "t": "pass word with spaces in it" }));
    ui.say("pass word with spaces in it");
    ui.relay("pass word with spaces in it");
    ui.warn("pass word with spaces in it");
    let all = paper.out.read() + &paper.err.read();
    assert!(!all.contains("spaces") && !all.contains("abc"), "{all}");
    assert_eq!(all.matches("********").count(), 8, "{all}");
}

#[test]
fn documents_keep_their_lines_and_tabs_and_nothing_worse() {
    let (ui, paper) = ui(pipe(60));
    ui.document("case $1 in\r\n\ta) ;;\nesac\u{1b}c");
    assert_eq!(paper.out.read(), "case $1 in\n\ta) ;;\nesac\\x1bc");
}

#[test]
fn in_a_job_log_nobody_forges_a_section() {
    let (ui, paper) = ui(Terminal { ci: true, ..pipe(60) });
    ui.say("section_start:1:fake");
    ui.relay("section_end:1:fake");
    assert_snapshot!(paper.err.read(), @r"
    section_start\x3a1:fake
    section_end\x3a1:fake
    ");
}

#[test]
fn a_reader_that_leaves_is_no_failure_but_a_full_disk_is() {
    let (ui, paper) = ui(pipe(60));
    paper.out.break_with(ErrorKind::BrokenPipe);
    assert!(!ui.closed());
    ui.line("gone");
    assert!(ui.closed());
    assert_eq!(ui.finish(), Ok(()));

    let (ui, paper) = self::ui(pipe(60));
    paper.out.break_with(ErrorKind::StorageFull);
    ui.line("lost");
    assert!(ui.closed());
    assert_eq!(ui.finish().unwrap_err().kind, Kind::Failed);
}

#[test]
fn the_bell_rings_on_a_terminal_only() {
    let (ui, paper) = ui(tty(60));
    ui.bell();
    assert_eq!(paper.err.read(), "\u{7}");
}
