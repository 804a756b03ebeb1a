/**
 * For tests that ask a slow server many things: does `work` for each of `items`, at most `atOnce` at a time, in their order.
 * Resolves when all are done. The first failure is what it rejects with, once what was under way has ended; nothing is begun
 * after it.
 */
export async function severalAtOnce<T>(
  items: readonly T[],
  work: (item: T) => Promise<void>,
  atOnce = questionsAtOnce,
): Promise<void> {
  const waiting = [...items]
  const failures: unknown[] = []
  const lane = async () => {
    for (let item = waiting.shift(); item !== undefined && failures.length === 0; item = waiting.shift()) {
      await work(item).catch((error: unknown) => failures.push(error))
    }
  }
  await Promise.all(Array.from({ length: atOnce }, lane))
  if (failures.length > 0) throw failures[0]
}

/** As many as a gateway asks its engine at once (`HITLAKE_QUERY_CONCURRENCY`): more would only use up their time limit in line. */
export const questionsAtOnce = 2
