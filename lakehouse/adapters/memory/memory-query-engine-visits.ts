/** Questions of visits in plain loops: stored visits, and those that `visitsOf` makes of hits. */
import type { Dimension, Piece, VisitsGroup, VisitsQuestion } from '../../../core/ports/query-engine.ts'
import type { LakeRow } from '../../../core/tables.ts'
import { visitsOf } from '../../../core/visits-of.ts'
import { dimensionsOf } from '../../core/sql/dimensions.ts'
import { pageViewName } from '../../core/sql/hits-rows.ts'
import { hitValue, holds, textOf } from './memory-query-engine-dimensions.ts'
import { Groups, pieceAt, wholeOf } from './memory-query-engine-groups.ts'

interface Sums {
  sessions: bigint
  bounces: bigint
  durationMs: bigint
  pageviews: bigint
}

/** Rows are added one by one, of whichever table of the question; then `answer`. */
export class MemoryVisitsAnswer {
  private readonly groups: Groups<Sums>
  private readonly hits: LakeRow[] = []

  constructor(private readonly question: VisitsQuestion) {
    this.groups = new Groups(question, () => ({ sessions: 0n, bounces: 0n, durationMs: 0n, pageviews: 0n }))
  }

  /** A row of the merchant and generation. */
  add(table: 'hits' | 'sessions', row: LakeRow): void {
    if (table === 'hits') this.addHit(row)
    else this.addStored(row)
  }

  private addHit(row: LakeRow): void {
    if (row.bot !== true || dimensionsOf(this.question).has('bot')) this.hits.push(row)
  }

  private addStored(row: LakeRow): void {
    const piece = pieceAt(this.question.pieces, Number(row.start))
    if (piece === undefined || piece.stored === null || Number(row._publish) !== piece.stored) return
    this.count(piece, (dimension) => textOf(row[dimension]), {
      sessions: 1n,
      bounces: row.bounce === true ? 1n : 0n,
      durationMs: wholeOf(row.duration_ms),
      pageviews: wholeOf(row.pageviews),
    })
  }

  /** @throws TooManyGroupsError */
  answer(): readonly VisitsGroup[] {
    for (const visit of visitsOf(this.hits, this.question.rule)) {
      const [first] = visit
      const piece = pieceAt(this.question.pieces, Number(first.time))
      if (piece === undefined || piece.stored !== null) continue
      this.count(piece, (dimension) => hitValue(first, dimension), {
        sessions: 1n,
        bounces: visit.length === 1 ? 1n : 0n,
        durationMs: BigInt(Number(visit.at(-1)?.time) - Number(first.time)),
        pageviews: BigInt(visit.filter(({ name }) => name === pageViewName).length),
      })
    }
    return this.groups.all().map(({ sums, ...group }) => ({ ...group, ...sums }))
  }

  private count({ bucket }: Piece, valueIn: (dimension: Dimension) => string, visit: Sums): void {
    const { dimensions, filter } = this.question
    if (filter !== null && !holds(filter, valueIn)) return
    const sums = this.groups.at({ bucket, values: dimensions.map(valueIn), other: false })
    sums.sessions += visit.sessions
    sums.bounces += visit.bounces
    sums.durationMs += visit.durationMs
    sums.pageviews += visit.pageviews
  }
}
