/** The tenant predicate, here and nowhere else: no row of another merchant or generation enters any answer. */
import type { MerchantId } from '../../../core/ids.ts'
import type { BucketRange } from '../../../core/ports/query-engine.ts'
import { and, column, compare, type Expression, instant, text, whole } from './ast.ts'

/**
 * Rows of `as` that are the merchant's, of the generation, with an instant `time` in the range. Where pieces say the time
 * more exactly, the range repeats it all the same: engines skip files and row groups by it.
 */
export function ofMerchant(
  { merchant, generation }: { readonly merchant: MerchantId; readonly generation: number },
  as: string,
  time: string,
  { start, end }: BucketRange,
): Expression {
  return and(
    compare(column('merchant', as), '=', text(merchant)),
    compare(column('_gen', as), '=', whole(generation)),
    compare(column(time, as), '>=', instant(start)),
    compare(column(time, as), '<', instant(end)),
  )
}
