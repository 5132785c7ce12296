// A real browser, Debian's Chromium, and what its suites look at in every page.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { chromium } from 'playwright-core';
import { BACK_OFFICE, accessToken, request } from './support.mjs';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
/** Where pictures of the page go, for people to look at; none are made where it is not set. */
const pictures = process.env.STOREFRONT_SCREENSHOTS;

/** Starts the browser, with a fresh profile. */
export function launch() {
  const executablePath = execFileSync('sh', ['-c', 'command -v chromium'], { encoding: 'utf8' }).trim();
  return chromium.launch({
    executablePath,
    args: [
      // The suites may run as root, where Chromium has no sandbox.
      '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
      '--disable-component-update', '--disable-sync',
    ],
  });
}

/**
 * Opens the storefront at `origin` in a context of its own; `quiet` asserts that nothing went wrong in it. With `clock`,
 * time is turned by hand; `before` is done to the page before it is opened.
 */
export async function open(browser, origin, { clock, before, at = '/', ...options } = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 860 }, ...options });
  context.setDefaultTimeout(15_000);
  const violations = [];
  const mistakes = [];
  // Of the storefront alone: what a provider's pages do is not ours.
  await context.exposeFunction('violated', (page, what) => { if (page.startsWith(origin)) violations.push(what); });
  await context.addInitScript(() => addEventListener('securitypolicyviolation', ({ effectiveDirective, blockedURI, sample }) =>
    window.violated(location.href, `${effectiveDirective} ${blockedURI} ${sample}`)));
  const page = await context.newPage();
  page.on('pageerror', (error) => mistakes.push(String(error)));
  page.on('console', (message) => {
    // Chromium notes each answer that is no success; the page's own mistakes stand apart from them.
    const expected = message.text().startsWith('Failed to load resource');
    if (['error', 'warning'].includes(message.type()) && !expected && page.url().startsWith(origin)) mistakes.push(message.text());
  });
  if (clock) await page.clock.install();
  await before?.(page);
  await page.goto(origin + at);
  return {
    context,
    page,
    violations,
    quiet() {
      assert.deepEqual(violations, []);
      assert.deepEqual(mistakes, []);
    },
    async close() {
      await context.close();
    },
  };
}

export const email = (page) => page.getByLabel('E-mail address');
export const password = (page) => page.getByLabel('Password', { exact: true });
export const submit = (page) => page.getByRole('button', { name: 'Sign in', exact: true });
export const alert = (page) => page.locator('#sign-in-alert');
export const status = (page) => page.getByRole('status');
export const title = (page) => page.getByRole('heading', { level: 1 });

/** Signs in by password, and resolves once everything is shown. */
export async function signInAs(page, person) {
  await email(page).fill(person.email);
  await password(page).fill(person.password);
  await submit(page).click();
  await everythingIsShown(page);
}

/** Resolves once a customer's details, addresses and orders are there, or that there are none. */
export async function everythingIsShown(page) {
  await page.getByRole('button', { name: 'Sign out' }).waitFor();
  await page.locator('#details dl').waitFor();
  await page.locator('#addresses .address, #addresses .note:not(:text("Looking"))').first().waitFor();
  await page.locator('#orders .order, #orders .note:not(:text("Looking"))').first().waitFor();
}

/** What the store's back office can do. */
export function backOffice(origin) {
  const office = async (method, path, data) => {
    const bearer = await accessToken(origin, BACK_OFFICE);
    const answer = await request(origin, {
      method,
      path,
      headers: { authorization: `Bearer ${bearer}`, 'content-type': 'application/json' },
      body: data && JSON.stringify({ data }),
    });
    assert.ok(answer.status < 300, answer.text);
    return answer.status === 204 ? undefined : answer.json.data;
  };
  let registered = 0;
  /** Somebody new, so that no test sees what another changed. */
  const register = async (name = 'Ann Perkins', address = {}) => {
    registered += 1;
    const person = { name, email: `ann${registered}@pawnee.example`, password: 'a long enough one' };
    const { id } = await office('POST', '/v2/customers', { type: 'customer', ...person });
    await office('POST', `/v2/customers/${id}/addresses`, {
      type: 'address', name: 'Home', first_name: 'Ann', last_name: 'Perkins', line_1: '3 Elm Street', city: 'Pawnee',
      county: 'Wamapoke', postcode: '47998', country: 'US', ...address,
    });
    return { ...person, id };
  };
  return { office, register };
}

/** What axe-core, Deque's accessibility engine, holds against the page as it is now: WCAG 2.2 AA and good practice. */
export async function barriers(page) {
  if (await page.evaluate(() => !('axe' in window))) await page.evaluate(axe);
  const { violations } = await page.evaluate(() => window.axe.run(document));
  return violations.flatMap(({ id, nodes }) => nodes.map(({ target, failureSummary }) => `${id} ${target}: ${failureSummary}`));
}

/** What the browser keeps beyond the page. */
export async function kept({ context, page }) {
  const inPage = await page.evaluate(async () => ({
    local: { ...localStorage },
    session: { ...sessionStorage },
    cookie: document.cookie,
    databases: await indexedDB.databases(),
    caches: await caches.keys(),
  }));
  return { ...inPage, cookies: await context.cookies(page.url()) };
}

export const NOTHING = { local: {}, session: {}, cookie: '', databases: [], caches: [], cookies: [] };

/** The text, role or name of what has the focus. */
export function focused(page) {
  return page.evaluate(() => {
    const { id, textContent, tagName } = document.activeElement;
    return id || textContent.trim() || tagName;
  });
}

/** Takes a picture for people. */
export async function picture(page, name) {
  if (!pictures) return;
  mkdirSync(pictures, { recursive: true });
  await page.screenshot({ path: path.join(pictures, `${name}.png`), fullPage: true });
}
