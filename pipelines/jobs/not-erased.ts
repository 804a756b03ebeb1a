/**
 * Hits of an erased visitor, user or merchant that were on their way when the erasure was asked for, or come again from a
 * feed that is read anew: they end here, counted as dropped.
 */
import type { FeedHit } from '../../core/hit.ts'
import type { MerchantInputs } from '../runtime/side-inputs.ts'

export type ErasureContext = Pick<MerchantInputs, 'isErased'>

export function notErased(hit: FeedHit, { isErased }: ErasureContext): boolean {
  return !isErased(hit)
}
