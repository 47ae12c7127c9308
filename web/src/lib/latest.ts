// Answers may come in another order than they were asked for: only that to the newest question counts.
import { complain } from "./toasts.svelte";

/** Hands each question's answer on unless a newer question was asked meanwhile; a refusal is said. */
export function latest<T>(take: (answer: T) => void): (question: Promise<T>) => Promise<void> {
  let newest: Promise<T> | null = null;
  return async (question) => {
    newest = question;
    try {
      const answer = await question;
      if (newest === question) take(answer);
    } catch (error) {
      if (newest === question) complain(error);
    }
  };
}
