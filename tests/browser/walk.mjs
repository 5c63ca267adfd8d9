// Walks the embedded GitLab's pages as people do, with scripts switched off. Ends non-zero at the first
// thing that is not as it must be.

import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";

const [program, browserPath] = process.argv.slice(2);
const pictures = dirname(fileURLToPath(import.meta.url));
const scratch = mkdtempSync(join(tmpdir(), "git-hotfix-browser-"));
const HOSTILE = 'Fix <script>document.title="owned"</script> & "login\'s" <img src=x onerror=alert(1)> 500';
let checks = 0;

function check(what, holds) {
  assert.ok(holds, what);
  checks += 1;
}

// What a terminal of the developer's sees; nothing of this machine's own configuration.
const clean = { PATH: process.env.PATH, HOME: scratch, TMPDIR: scratch, GIT_CONFIG_NOSYSTEM: "1", LC_ALL: "C.UTF-8" };
const serve = spawn(program, ["demo", "--serve", "--json"], { env: clean, stdio: ["ignore", "pipe", "pipe"] });
const world = JSON.parse(await new Promise((found, failed) => {
  for (const stream of [serve.stdout, serve.stderr]) {
    createInterface({ input: stream }).on("line", (line) => line.startsWith("{") && found(line));
  }
  serve.on("exit", (code) => failed(new Error(`demo --serve ended with ${code}`)));
}));

function run(command, args, wanted = 0) {
  const env = { ...clean, GIT_HOTFIX_POLL_MIN: "20ms", GIT_HOTFIX_POLL_MAX: "100ms" };
  return new Promise((done, failed) => {
    execFile(command, args, { cwd: world.workdir, env }, (error, out, err) => {
      const code = error ? error.code : 0;
      if (code !== wanted) failed(new Error(`${command} ${args.join(" ")}: ${code}\n${out}${err}`));
      else done(out + err);
    });
  });
}
const hotfix = (args, wanted) => run(program, args, wanted);

async function fix(slug, path, from, to, message) {
  await hotfix(["start", slug]);
  const file = join(world.workdir, path);
  const text = readFileSync(file, "utf8");
  assert.ok(text.includes(from), `${path} holds ${from}`);
  writeFileSync(file, text.replace(from, to));
  await run("git", ["commit", "--quiet", "-am", message]);
  await hotfix(["open"]);
}

const profile = mkdtempSync(join(scratch, "profile-"));
const browser = await chromium.launchPersistentContext(profile, {
  executablePath: browserPath,
  headless: true,
  javaScriptEnabled: false,
  viewport: { width: 360, height: 740 },
  args: [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
  ],
});
browser.setDefaultTimeout(30_000);
const page = browser.pages()[0] ?? (await browser.newPage());
page.on("dialog", () => assert.fail("a script ran"));

let shots = 0;
async function look(name) {
  const [wide, seen] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
  check(`${name}: ${wide} pixels of content fit into ${seen}`, wide <= seen);
  check(`${name}: no script and no picture got in`, (await page.locator("script, img").count()) === 0);
  shots += 1;
  const file = join(pictures, `${String(shots).padStart(2, "0")}-${name}`);
  await page.screenshot({ path: `${file}.png`, fullPage: true });
}
const press = (name) => page.getByRole("button", { name, exact: true }).click();
const follow = (name) => page.getByRole("link", { name }).first().click();
const sees = async (text) => {
  await page.getByText(text).first().waitFor();
  checks += 1;
};
const lacks = async (name) =>
  check(`no button ${name}`, (await page.getByRole("button", { name, exact: true }).count()) === 0);
// In a pipeline the rollback's job beside it can be played at any time.
const waits = async (job) => {
  const play = page.locator("li.job").filter({ hasText: job }).getByRole("button", { name: "Play", exact: true });
  check(`${job} has no button Play`, (await play.count()) === 0);
};
async function become(name) {
  await page.getByLabel("You are").selectOption({ label: name });
  await press("Switch");
}

try {
  // What the pages show before anything happened.
  await page.goto(world.url);
  await sees("Nothing here yet");
  await look("overview-empty");

  // The developer opens a merge request with a title nobody should trust, and merges it by button.
  await fix("login-500", "apps/portal/app/login.rb", "session.user_id", "session&.user_id", HOSTILE);
  await page.reload();
  await sees(HOSTILE);
  await look("overview");
  await follow(/^!412/);
  await sees("Nothing stands in its way");
  await look("merge-request");
  check("the title is the page's", (await page.title()).includes(HOSTILE));
  const merge = page.url();

  // A form on another site carries no token of ours, and its origin is not ours.
  const evil = createServer((_, answer) => {
    answer.setHeader("content-type", "text/html");
    answer.end(`<form method="post" action="${merge}/merge"><input name="token" value="guess"><button>Win</button></form>`);
  });
  await new Promise((listening) => evil.listen(0, "127.0.0.1", listening));
  await page.goto(`http://127.0.0.1:${evil.address().port}/`);
  await press("Win");
  await sees("refused: the form came from another site");
  evil.close();
  const bare = (headers, body) => fetch(`${merge}/merge`, { method: "POST", headers, body, redirect: "manual" });
  check("no token, no merge", (await bare({}, new URLSearchParams({ token: "guess" }))).status === 403);
  await page.goto(merge);
  await sees("Nothing stands in its way");

  await press("Merge");
  await sees("Merged by Dev Anders");
  await follow(/^pipeline #/);
  await sees("waits for approvals");
  await look("pipeline-waits");
  await waits("deploy-prod-hotfix");
  await lacks("Approve as tech lead");

  // Each role approves by button; then somebody who may plays the job.
  await press("Be Bo Lindqvist");
  await page.getByLabel("Comment as tech lead").fill("reviewed <b>twice</b>");
  await look("approve-tech-lead");
  await lacks("Approve as PM");
  await press("Approve as tech lead");
  await sees("reviewed <b>twice</b>");
  await press("Be Cleo Marsh");
  await press("Approve as PM");
  await sees("Approved, and not running");
  await lacks("Play");
  await look("approved");
  await become("Dev Anders (developer)");
  await press("Play");
  await sees("Job succeeded");
  await sees("production runs this");
  await look("deployed");

  // Every address that the program prints leads to a page.
  const said = await hotfix(["status", "--json", "!412"]);
  const addresses = new Set(said.match(/http:\/\/127\.0\.0\.1:\d+\/[^"\\\s]+\/-\/[^"\\\s]+/g));
  check("status names pages", addresses.size > 0);
  for (const address of addresses) {
    const answer = await fetch(address);
    check(`${address} is a page`, answer.status === 200 && answer.headers.get("content-type").startsWith("text/html"));
  }

  // The backport applies; its labels show, and it merges by button.
  await hotfix(["backport", "!412"]);
  await page.goto(world.url);
  await follow(/^!413/);
  await sees("auto-backport");
  await sees("Nothing stands in its way");
  await look("backport");
  await press("Merge");
  await sees("✓ merged");

  // The second hotfix: rejected, run again, and a backport that conflicts.
  await run("git", ["switch", "--quiet", "main"]);
  await fix("session-expiry", "apps/portal/app/session.rb", "24 * 60", "15", "Expire sessions after 15 minutes");
  await page.goto(world.url);
  await follow(/^!414/);
  await sees("Nothing stands in its way");
  await press("Merge");
  await follow(/^pipeline #/);
  await sees("waits for approvals");
  await follow("deploy-prod-hotfix");
  await press("Be Dan Okafor");
  await page.getByLabel("Comment as PM").fill("not at night");
  await press("Reject as PM");
  await sees("not at night");
  await sees("✗ rejected");
  await look("rejected");
  await become("Dev Anders (developer)");
  await press("Retry");
  await sees("waits for approvals");
  await press("Be Bo Lindqvist");
  await press("Approve as tech lead");
  await press("Be Dan Okafor");
  await press("Approve as PM");
  await become("Mia Torres (maintainer)");
  await press("Play");
  await sees("production runs this");
  await hotfix(["backport", "!414"], 3);
  await page.goto(world.url);
  await follow(/^!415/);
  await sees("a developer must resolve them before this is merged");
  check("the label", (await page.locator(".label", { hasText: /^conflicts$/ }).count()) === 1);
  await lacks("Merge");
  await look("conflict");

  // Nobody outside the project sees anything.
  await become("Eve Stone (not a member)");
  await sees("There is no such project");
  await look("stranger");
  await become("Dev Anders (developer)");

  // A wide window in the dark.
  await page.setViewportSize({ width: 1280, height: 800 });
  await page.emulateMedia({ colorScheme: "dark" });
  await page.goto(world.url);
  await look("overview-dark");
  const paper = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  check(`dark is dark: ${paper}`, paper === "rgb(13, 17, 23)");
  await follow(/^!415/);
  await look("conflict-dark");
  console.log(`${checks} checks and ${shots} pages in Chromium as they must be; pictures in target/browser`);
} catch (error) {
  await page.screenshot({ path: join(pictures, "failed.png"), fullPage: true }).catch(() => {});
  console.error(`at ${page.url()}`);
  throw error;
} finally {
  await browser.close();
  serve.kill("SIGINT");
  rmSync(scratch, { recursive: true, force: true });
}
