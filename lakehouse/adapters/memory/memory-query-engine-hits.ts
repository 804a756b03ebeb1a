/** Questions of hits in plain loops: partial rows folded, or hits counted one by one. */
import type { HitsGroup, HitsQuestion, RawQuestion, RollupQuestion } from '../../../core/ports/query-engine.ts'
import { KmvBuilder } from '../../../core/sketch/kmv.ts'
import type { LakeRow, LakeValue } from '../../../core/tables.ts'
import { dimensionsOf } from '../../core/sql/dimensions.ts'
import { mayBeOther, orderName, pageViewName } from '../../core/sql/hits-rows.ts'
import { tableOf } from '../../core/sql/pieces.ts'
import { hitValue, holds, textOf } from './memory-query-engine-dimensions.ts'
import { Groups, listOf, pieceAt, wholeOf } from './memory-query-engine-groups.ts'

interface Sums {
  hits: bigint
  pageviews: bigint
  orders: bigint
  revenueMicros: bigint
  readonly visitors: KmvBuilder
  readonly load: Map<number, bigint>
  readonly otherRevenue: Map<string, bigint>
}

/** Rows are added one by one, of whichever table of the question; then `answer`. */
export class MemoryHitsAnswer {
  private readonly groups: Groups<Sums>

  constructor(private readonly question: HitsQuestion) {
    this.groups = new Groups(question, () => ({
      ...{ hits: 0n, pageviews: 0n, orders: 0n, revenueMicros: 0n },
      visitors: new KmvBuilder(question.sketchSize),
      load: new Map(),
      otherRevenue: new Map(),
    }))
  }

  /** A row of the merchant and generation. */
  add(table: 'hits' | 'hourly' | 'daily', row: LakeRow): void {
    const { question } = this
    if (question.from === 'rollup') this.addPartial(question, table, row)
    else this.addHit(question, row)
  }

  private addPartial(question: RollupQuestion, table: string, row: LakeRow): void {
    const piece = pieceAt(question.pieces, Number(row.bucket))
    if (piece === undefined || tableOf(question, piece) !== table || row.breakdown !== question.breakdown) return
    if (piece.stored !== null && Number(row._publish) !== piece.stored) return
    const isOther = row.other === true
    const value = textOf(row.value)
    if (question.filter !== null && !holds(question.filter, () => (isOther ? undefined : value))) return
    const values = question.dimensions.map(() => (isOther ? '' : value))
    const sums = this.groups.at({ bucket: piece.bucket, values, other: mayBeOther(question) && isOther })
    sums.hits += wholeOf(row.hits)
    sums.pageviews += wholeOf(row.pageviews)
    sums.orders += wholeOf(row.orders)
    sums.revenueMicros += wholeOf(row.revenue_micros)
    for (const hash of listOf<bigint>(row.visitors)) sums.visitors.add(wholeOf(hash))
    for (const { bucket, n } of listOf<Readonly<Record<string, LakeValue>>>(row.load)) {
      addTo(sums.load, Number(bucket), wholeOf(n))
    }
    for (const { currency, micros } of listOf<Readonly<Record<string, LakeValue>>>(row.other_revenue)) {
      addTo(sums.otherRevenue, String(currency), wholeOf(micros))
    }
  }

  private addHit(question: RawQuestion, row: LakeRow): void {
    const piece = pieceAt(question.pieces, Number(row.time))
    if (piece === undefined) return
    if (row.bot !== false && !dimensionsOf(question).has('bot')) return
    if (question.filter !== null && !holds(question.filter, (dimension) => hitValue(row, dimension))) return
    const values = question.dimensions.map((dimension) => hitValue(row, dimension))
    const sums = this.groups.at({ bucket: piece.bucket, values, other: false })
    sums.hits += 1n
    if (row.name === pageViewName) sums.pageviews += 1n
    if (row.name === orderName) sums.orders += 1n
    sums.revenueMicros += wholeOf(row.revenue_home_micros)
    if (row.visitor_hash !== null && row.visitor_hash !== undefined) sums.visitors.add(wholeOf(row.visitor_hash))
    if (row.load_bucket !== null && row.load_bucket !== undefined) addTo(sums.load, Number(row.load_bucket), 1n)
    const currency = row.revenue_currency ?? null
    if (currency !== null && currency !== textOf(row.currency)) {
      addTo(sums.otherRevenue, String(currency), wholeOf(row.revenue_micros))
    }
  }

  /** @throws TooManyGroupsError */
  answer(): readonly HitsGroup[] {
    const { parts } = this.question
    return this.groups.all().map(({ bucket, values, other, sums }) => {
      const { hits, pageviews, orders, revenueMicros } = sums
      const hashes = sums.visitors.toSorted()
      return {
        ...{ bucket, values, other, hits, pageviews, orders, revenueMicros },
        ...(parts.includes('visitors') && { visitors: { kept: hashes.length, largest: hashes.at(-1) ?? null } }),
        ...(parts.includes('load') && {
          load: [...sums.load].sort(([a], [b]) => a - b).map(([key, n]) => ({ bucket: key, n })),
        }),
        ...(parts.includes('otherRevenue') && {
          otherRevenue: [...sums.otherRevenue]
            .sort(([a], [b]) => (a < b ? -1 : 1))
            .map(([currency, micros]) => ({ currency, micros })),
        }),
      }
    })
  }
}

function addTo<K>(sums: Map<K, bigint>, key: K, n: bigint): void {
  sums.set(key, (sums.get(key) ?? 0n) + n)
}
