/** Workers that a frontend gives a request to at most, where it is told nothing else. */
export const FRONTEND_MAX_ATTEMPTS = 4;
