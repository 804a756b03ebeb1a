/**
 * The step `govern`: a hit whose name its merchant has blocked is set aside in `failed_hits`, whole and with the reason,
 * so that lifting the block and a rerun bring it back. Everything else passes unchanged.
 */
import type { MerchantId } from '../../core/ids.ts'

export interface GovernContext {
  /** As the merchant's policy is when the epoch begins. */
  blockedNames(merchant: MerchantId): ReadonlySet<string>
}

export type Governed<Row> =
  | { readonly to: 'passed'; readonly row: Row }
  | { readonly to: 'quarantined'; readonly row: Row; readonly reason: 'blocked_name' }

export function govern<Row extends { readonly merchant: MerchantId; readonly name: string }>(
  row: Row,
  context: GovernContext,
): Governed<Row> {
  return context.blockedNames(row.merchant).has(row.name)
    ? { to: 'quarantined', row, reason: 'blocked_name' }
    : { to: 'passed', row }
}
