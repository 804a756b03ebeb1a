/** Objects that are read or removed at once: a bucket answers slowly, but many at a time. */
export const journalConcurrency = 16

/** What `run` makes of each item, in the items' order; at most `journalConcurrency` run at once. Rejects with the first failure. */
export async function inParallel<Item, Result>(
  items: readonly Item[],
  run: (item: Item) => Promise<Result>,
): Promise<Result[]> {
  const results: Result[] = []
  let next = 0
  async function worker(): Promise<void> {
    while (next < items.length) {
      const index = next++
      results[index] = await run(items[index] as Item)
    }
  }
  await Promise.all(Array.from({ length: Math.min(journalConcurrency, items.length) }, worker))
  return results
}
