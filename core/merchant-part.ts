/** Cuts merchants into parts of about equal number, the same in every engine and for ever (SQL: `hashOf` modulo). */
import { distinctOf } from './sketch/distinct-of.ts'

/** In [0, parts). */
export function merchantPart(merchant: string, parts: number): number {
  return Number(distinctOf(merchant) % BigInt(parts))
}
