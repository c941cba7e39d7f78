// Opens the playground in Chromium as somebody who explores, signs in, comes back and signs out.
//
//     node playground.js ADDRESS LOGIN PASSWORD PICTURE
import assert from "node:assert/strict";
import chromium from "@sparticuz/chromium";
import { chromium as playwright } from "playwright-core";

const [address, login, password, picture] = process.argv.slice(2);
const home = new URL(address).origin;
const browser = await playwright.launch({
  executablePath: await chromium.executablePath(),
  args: ["--no-sandbox"],
});
const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
page.setDefaultTimeout(20_000);

const complaints = [];
const elsewhere = [];
const asked = [];
process.on("uncaughtExceptionMonitor", () => console.error({ complaints, elsewhere }));
page.on("pageerror", (error) => complaints.push(String(error)));
page.on("console", (message) => {
  const refused = /status of 401/.test(message.text()); // which is what is tried here
  if (message.type() === "error" && !refused) complaints.push(message.text());
});
page.on("request", (request) => {
  const { origin, pathname } = new URL(request.url());
  if (origin !== home && !/^(data|blob):/.test(request.url())) elsewhere.push(request.url());
  if (pathname === "/graphql" && request.method() === "POST") asked.push(request);
});

const shown = (text) => page.waitForFunction((text) => document.body.innerText.includes(text), text);
const kept = () => page.evaluate(() => JSON.parse(sessionStorage.getItem("headwater:session")));
const change = (changes) => page.evaluate((changes) => {
  const session = JSON.parse(sessionStorage.getItem("headwater:session"));
  sessionStorage.setItem("headwater:session", JSON.stringify({ ...session, ...changes }));
}, changes);
const run = () => page.getByRole("button", { name: /Execute query/ }).click();
const enter = async (word) => {
  await page.getByLabel("Login").fill(login);
  await page.getByLabel("Password").fill(word);
  await page.getByRole("dialog").getByRole("button", { name: "Sign in" }).click();
};

// A guest gets an example that the schema answers, if only by a refusal, and the documentation.
await page.goto(address);
await shown("Guest");
await page.waitForFunction(() => document.querySelector(".graphiql-query-editor")?.innerText.includes("nodes"));
await run();
await page.waitForFunction(() => document.querySelector(".graphiql-response")?.innerText.includes('"data"'));
assert.equal((await asked.at(-1).allHeaders()).authorization, undefined);
await page.getByRole("button", { name: "Show Documentation Explorer" }).click();
await page.getByRole("link", { name: "Query", exact: true }).click();
await shown("What can be asked.");
await page.screenshot({ path: picture.replace(".png", "-guest.png") });

// A wrong password is refused in words.
await page.getByRole("button", { name: "Sign in" }).click();
await enter("not the password");
await page.waitForFunction(() => document.querySelector("[role=alert]")?.innerText.length > 10);
await page.screenshot({ path: picture.replace(".png", "-refused.png") });
await enter(password);
await page.getByRole("button", { name: "Sign out" }).waitFor();
assert.equal(await page.getByRole("dialog").count(), 0);

// Each question carries the token from now on; what a guest was answered is gone.
const session = await kept();
assert.equal(session.person.login, login);
assert.ok(!(await page.locator(".graphiql-response").innerText()).includes('"data"'));
await page.waitForFunction(() => document.querySelector(".graphiql-query-editor")?.innerText.includes("nodes"));
await run();
await page.waitForFunction(() => document.querySelector(".graphiql-response")?.innerText.includes("nodes"));
assert.equal((await asked.at(-1).allHeaders()).authorization, `Bearer ${session.accessToken}`);
await page.screenshot({ path: picture });
assert.ok(!(await page.evaluate(() => JSON.stringify(localStorage))).includes(session.accessToken));

// The editor's rarer parts come from here too, when they are wanted first.
const parts = page.waitForResponse((response) => /assets.*\.js$/.test(response.url()));
await page.getByRole("button", { name: /Prettify query/ }).click();
assert.equal((await parts).status(), 200);

// History has what was asked.
await page.getByRole("button", { name: "Show History" }).click();
await page.locator(".graphiql-history-item").first().waitFor();

// A token that has run out is renewed unseen, and the session outlives a reload.
await change({ accessToken: "worn.out.token" });
await page.reload();
await page.getByRole("button", { name: "Sign out" }).waitFor();
await page.waitForFunction((old) => {
  const session = JSON.parse(sessionStorage.getItem("headwater:session"));
  return session.refreshToken !== old && session.accessToken !== "worn.out.token";
}, session.refreshToken);
assert.equal(await page.getByRole("dialog").count(), 0);

// Where it cannot be renewed, the form comes back.
await change({ accessToken: "worn.out.token", refreshToken: "so.is.this" });
await page.reload();
await shown("Your session has ended.");
assert.equal(await kept(), null);
await enter(password);
await page.getByRole("button", { name: "Sign out" }).waitFor();

// Whoever signs out is a guest again, for the server too.
const last = await kept();
await page.getByRole("button", { name: "Sign out" }).click();
await shown("Guest");
assert.equal(await kept(), null);
await page.waitForFunction(async (token) => {
  const body = JSON.stringify({ refreshToken: token });
  const headers = { "Content-Type": "application/json" };
  return (await fetch("/api/v1/auth/refresh", { method: "POST", headers, body })).status === 401;
}, last.refreshToken);

assert.deepEqual(elsewhere, []);
assert.deepEqual(complaints, []);
await browser.close();
console.log("done");
