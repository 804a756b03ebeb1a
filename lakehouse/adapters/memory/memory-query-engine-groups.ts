/** Groups that rows are added to, and which piece a row belongs to. */
import { TooManyGroupsError } from '../../../core/errors.ts'
import type { BucketRange, Piece, Question } from '../../../core/ports/query-engine.ts'
import type { LakeValue } from '../../../core/tables.ts'

export interface GroupKey {
  readonly bucket: number
  readonly values: readonly string[]
  readonly other: boolean
}

export class Groups<Sums> {
  private readonly byKey = new Map<string, GroupKey & { readonly sums: Sums }>()

  constructor(
    private readonly question: Pick<Question, 'maxGroups'>,
    private readonly empty: () => Sums,
  ) {}

  at({ bucket, values, other }: GroupKey): Sums {
    const key = JSON.stringify([bucket, values, other])
    let group = this.byKey.get(key)
    if (group === undefined) {
      group = { bucket, values, other, sums: this.empty() }
      this.byKey.set(key, group)
    }
    return group.sums
  }

  /** @throws TooManyGroupsError */
  all(): readonly (GroupKey & { readonly sums: Sums })[] {
    if (this.byKey.size > this.question.maxGroups) throw new TooManyGroupsError(this.question.maxGroups)
    return [...this.byKey.values()]
  }
}

/** Binary search: the piece that holds `time`. */
export function pieceAt(pieces: readonly Piece[], time: number): Piece | undefined {
  let low = 0
  let high = pieces.length - 1
  while (low <= high) {
    const middle = (low + high) >> 1
    const piece = pieces[middle]
    if (piece === undefined) return undefined
    if (time < piece.start) high = middle - 1
    else if (time >= piece.end) low = middle + 1
    else return piece
  }
  return undefined
}

export function spanOfAll(ranges: readonly BucketRange[]): BucketRange | undefined {
  const [first] = ranges
  return first && { start: first.start, end: ranges.at(-1)?.end ?? first.end }
}

export function wholeOf(value: LakeValue | undefined): bigint {
  return value === null || value === undefined ? 0n : BigInt(value as number | bigint)
}

export function listOf<T>(value: LakeValue | undefined): readonly T[] {
  return (value ?? []) as readonly T[]
}
