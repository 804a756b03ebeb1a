/** A feed as a plan sees it: its name, what its rows are, and by which column it is partitioned. */
import type { RowType } from './node/step.ts'

export interface FeedDefinition<R> {
  readonly name: string
  readonly partitionKey: keyof R & string
  readonly columns: Readonly<Record<keyof R & string, RowType>>
}

/** Declares a feed of rows `R`, every column with its type. */
export function feed<R>(
  name: string,
  options: { readonly partitionKey: keyof R & string; readonly columns: Readonly<Record<keyof R & string, RowType>> },
): FeedDefinition<R> {
  return { name, ...options }
}
