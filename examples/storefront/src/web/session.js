// The session: the text that shows how long it lasts, refreshes, and its end.

import { byId, say } from './dom.js';
import { counted, duration } from './messages.js';

const LANGUAGE = document.documentElement.lang;
/** The remaining seconds at which a warning is also announced to screen readers. */
const WARNINGS = [300, 60];
/** The part of a token's lifetime after which it is refreshed. */
const REFRESH_AFTER = 5 / 6;
/** The least time between two refreshes, and between a login and the first one, in milliseconds. */
const PAUSE = 60_000;

let timer;
let session;

/**
 * Shows the time left until `endsAt`. Calls `refresh` before it, which resolves with the new end, and `over` when no time
 * is left.
 */
export function beginSession(endsAt, { refresh, over }) {
  session = { refresh, over, triedAt: Date.now() };
  extend(endsAt);
  tick();
}

/** Ends the session's text and its timers. */
export function endSession() {
  clearTimeout(timer);
  session = undefined;
  byId('session-end').replaceChildren();
}

// Timers are late after the machine slept, or in a background tab. And the session may have ended elsewhere.
document.addEventListener('visibilitychange', () => {
  if (!session || document.hidden) return;
  if (Date.now() >= session.triedAt + PAUSE) session.refreshAt = 0;
  tick();
});

function extend(endsAt) {
  const now = Date.now();
  // Close to the maximum length of a session, a refresh gains little or nothing. Then the last token is used up.
  const gained = endsAt - (session.endsAt ?? now);
  session.refreshAt = gained > PAUSE ? now + (endsAt - now) * REFRESH_AFTER : Infinity;
  session.endsAt = endsAt;
  session.left = Infinity;
}

async function refreshNow() {
  const current = session;
  current.triedAt = Date.now();
  current.refreshAt = Infinity;
  try {
    const endsAt = await current.refresh();
    if (current !== session) return;
    extend(endsAt);
    tick();
  } catch {
    // A rejected token has ended the session. Everything else may be better in a minute.
    current.refreshAt = 0;
  }
}

function tick() {
  clearTimeout(timer);
  const { endsAt, over, left: before } = session;
  const left = Math.ceil((endsAt - Date.now()) / 1000);
  if (left <= 0) {
    endSession();
    over();
    return;
  }
  if (Date.now() >= Math.max(session.refreshAt, session.triedAt + PAUSE)) refreshNow();
  session.left = left;
  byId('session-end').textContent = `You are signed in until ${moment(endsAt)}: ${timeLeft(left)}.`;
  // After the machine slept, only the last of several warnings is useful.
  const warning = WARNINGS.findLast((at) => left <= at && at < before);
  if (warning && before !== Infinity) say(`You will be signed out in ${duration(left)}. What you have saved stays saved.`);
  // Each minute, and in the last one each second.
  const wait = left > 60 ? (left % 60 || 60) * 1000 : 1000;
  timer = setTimeout(tick, Math.min(wait, 60_000));
}

function timeLeft(seconds) {
  if (seconds < 60) return `${counted(seconds, 'second')} left`;
  const minutes = Math.floor(seconds / 60);
  return `${duration(minutes * 60)} left`;
}

/** `14:05`, `tomorrow at 14:05`, `June 3 at 14:05`. */
function moment(time) {
  const clock = new Intl.DateTimeFormat(LANGUAGE, { hour: '2-digit', minute: '2-digit' }).format(time);
  const day = (date) => new Date(date.getFullYear(), date.getMonth(), date.getDate());
  const days = Math.round((day(new Date(time)) - day(new Date())) / 86_400_000);
  if (days === 0) return clock;
  if (days === 1) return `tomorrow at ${clock}`;
  return `${new Intl.DateTimeFormat(LANGUAGE, { month: 'long', day: 'numeric' }).format(time)} at ${clock}`;
}
