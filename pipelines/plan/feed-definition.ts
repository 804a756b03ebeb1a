/** A feed as a plan sees it: its name, what its rows are, and by which column it is partitioned. */
import type { RowType } from './node/step.ts'

/** `P` is the column by which it is partitioned; where left open, the compiler takes any column for it. */
export interface FeedDefinition<R, P extends keyof R & string = keyof R & string> {
  readonly name: string
  readonly partitionKey: P
  readonly columns: Readonly<Record<keyof R & string, RowType>>
}

/** Declares a feed of rows `R`, every column with its type. */
export function feed<R, P extends keyof R & string = keyof R & string>(
  name: string,
  options: { readonly partitionKey: P; readonly columns: Readonly<Record<keyof R & string, RowType>> },
): FeedDefinition<R, P> {
  return { name, ...options }
}
