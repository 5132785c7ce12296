// What went wrong, as a shopper understands it.

import { Refused, Unreachable } from './api.js';

/** `12 seconds`, `1 minute`, `3 minutes`. */
export function duration(seconds) {
  if (seconds < 60) return counted(seconds, 'second');
  const minutes = Math.ceil(seconds / 60);
  if (minutes < 60) return counted(minutes, 'minute');
  const [hours, rest] = [Math.floor(minutes / 60), minutes % 60];
  return rest === 0 ? counted(hours, 'hour') : `${counted(hours, 'hour')} and ${counted(rest, 'minute')}`;
}

export const counted = (number, what) => `${number} ${what}${number === 1 ? '' : 's'}`;

/** One or two sentences about an error; `special` has better words for some statuses. */
export function explain(error, special = {}) {
  if (error instanceof Unreachable) {
    return navigator.onLine
      ? 'The store can’t be reached at the moment. Please try again in a little while.'
      : 'You are offline. Check your connection, and try again.';
  }
  if (error instanceof Refused) return special[error.status] ?? general(error);
  // A mistake in this page. Whoever develops it finds it on the console.
  console.error(error);
  return 'Something went wrong. Please try again.';
}

function general({ status }) {
  switch (status) {
    case 429: return 'That was a bit too often.';
    case 503: return 'The store is very busy at the moment.';
    default: return 'The store could not do this. Please try again in a little while.';
  }
}
