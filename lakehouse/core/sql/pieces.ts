/** The pieces of a question: what they may be, and which of them a table holds. */

import type { TableView } from '../../../core/ports/lake.ts'
import type { BucketRange, Piece, Question } from '../../../core/ports/query-engine.ts'
import type { TableName } from '../../../core/tables.ts'
import type { ValuedRange } from './ast.ts'

export const maxPieces = 20_000

/** @throws RangeError where the pieces are none, too many, empty, or not rising and disjoint */
export function checkPieces(pieces: readonly Piece[]): void {
  if (pieces.length === 0 || pieces.length > maxPieces) {
    throw new RangeError(`a question has 1 to ${maxPieces} pieces, asked for ${pieces.length}`)
  }
  let end = Number.NEGATIVE_INFINITY
  for (const piece of pieces) {
    if (piece.start < end || piece.end <= piece.start) {
      throw new RangeError('pieces must rise, be disjoint and not be empty')
    }
    if (!Number.isSafeInteger(piece.bucket) || piece.bucket < 0) throw new RangeError(`${piece.bucket} is no bucket`)
    end = piece.end
  }
}

/** Views of the tables that a question may read. */
export function viewsOf(question: Question): readonly TableView[] {
  switch (question.from) {
    case 'rollup':
      return [question.hourly, question.daily]
    case 'raw':
      return [question.hits]
    case 'visits':
      return [question.hits, question.sessions]
  }
}

/** The table in which a piece's rows are. */
export function tableOf(question: Pick<Question, 'from'>, piece: Piece): TableName {
  if (question.from === 'rollup') return piece.stored === null ? 'hourly' : 'daily'
  if (question.from === 'raw' || piece.stored === null) return 'hits'
  return 'sessions'
}

/** The question without the pieces whose table is not among these: an absent table holds no rows. */
export function askedOf<Q extends Question>(question: Q, present: ReadonlySet<TableName>): Q {
  return { ...question, pieces: question.pieces.filter((piece) => present.has(tableOf(question, piece))) }
}

/** From the first piece to the last. */
export function spanOf(pieces: readonly BucketRange[]): BucketRange {
  return { start: pieces[0]?.start ?? 0, end: pieces.at(-1)?.end ?? 0 }
}

/** Pieces as ranges with the column `bucket`, and `stored` where rows of derived tables are read. */
export function pieceRanges(pieces: readonly Piece[], columns: readonly PieceColumn[]): readonly ValuedRange[] {
  return pieces.map((piece) => ({
    start: piece.start,
    end: piece.end,
    values: columns.map((column) => piece[column]),
  }))
}

export type PieceColumn = 'bucket' | 'stored'
