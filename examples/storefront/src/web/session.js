// When the session ends: a text that keeps up with the clock, and the end itself.

import { byId, say } from './dom.js';
import { counted, duration } from './messages.js';

const LANGUAGE = document.documentElement.lang;
/** With how many seconds left one is told, too, if one doesn't see the text. */
const WARNINGS = [300, 60];

let timer;
let session;

/** Begins to tell the time left until `endsAt`, and calls `over` when there is none. */
export function beginSession(endsAt, over) {
  session = { endsAt, over, left: Infinity };
  tick();
}

/** Ends telling it. */
export function endSession() {
  clearTimeout(timer);
  session = undefined;
  byId('session-end').replaceChildren();
}

// A machine that slept, or a tab that was in the background, has timers that are late.
document.addEventListener('visibilitychange', () => { if (session && !document.hidden) tick(); });

function tick() {
  clearTimeout(timer);
  const { endsAt, over, left: before } = session;
  const left = Math.ceil((endsAt - Date.now()) / 1000);
  if (left <= 0) {
    endSession();
    over();
    return;
  }
  session.left = left;
  byId('session-end').textContent = `You are signed in until ${moment(endsAt)}: ${timeLeft(left)}.`;
  // Of several that have passed while the machine slept, only the last is of use.
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
