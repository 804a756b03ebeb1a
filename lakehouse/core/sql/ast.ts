/**
 * The SQL that engines are asked, as data: as little of it as our questions need. A builder makes a `Select`, a printer
 * per dialect makes the text; no other place writes SQL for queries. Values enter as typed literals only, names as columns
 * of our own tables, functions from a closed list: text of a caller has no way in but as a literal.
 */
import type { TableName } from '../../../core/tables.ts'

export type Literal =
  | { readonly type: 'text'; readonly value: string }
  | { readonly type: 'boolean'; readonly value: boolean }
  /** A signed 64-bit number. */
  | { readonly type: 'whole'; readonly value: number | bigint }
  /** ms since 1970 */
  | { readonly type: 'instant'; readonly value: number }

export type Expression =
  | { readonly kind: 'literal'; readonly literal: Literal }
  | { readonly kind: 'column'; readonly name: string; readonly of?: string }
  | {
      readonly kind: 'compare'
      readonly op: '=' | '<' | '<=' | '>=' | '>'
      readonly left: Expression
      readonly right: Expression
    }
  | { readonly kind: 'and'; readonly parts: readonly Expression[] }
  | { readonly kind: 'notNull'; readonly of: Expression }
  | { readonly kind: 'orElse'; readonly of: Expression; readonly otherwise: Expression }
  /** Exact at any size: no dialect may overflow or round. Null where there is nothing to sum. */
  | { readonly kind: 'sum'; readonly of: Expression }
  | { readonly kind: 'max'; readonly of: Expression }
  /** Rows for which the condition holds; all rows without one. */
  | { readonly kind: 'count'; readonly where?: Expression }
  /** 1 for the smallest `by` of its partition, and so on. */
  | { readonly kind: 'place'; readonly partitionBy: readonly Expression[]; readonly by: Expression }
  /** The values of all rows that are not null, as a list in no order; null where there are none. */
  | { readonly kind: 'listOf'; readonly of: Expression }
  /** Every element of the rows' lists once, as a list in no order; null where no row has a list. */
  | { readonly kind: 'unionOf'; readonly lists: Expression }
  /** Of the `limit` smallest elements of a list: how many there are; 0 for no list. */
  | { readonly kind: 'countOfSmallest'; readonly list: Expression; readonly limit: number }
  /** Of the `limit` smallest elements of a list: the largest; null where there are none. */
  | { readonly kind: 'largestOfSmallest'; readonly list: Expression; readonly limit: number }

export type Relation =
  /** Rows of a table of the lake, as the printer's caller says where they are. */
  | { readonly kind: 'table'; readonly table: TableName; readonly columns: readonly string[] }
  /** A relation of the `with` list. */
  | { readonly kind: 'named'; readonly name: string }
  | { readonly kind: 'select'; readonly select: Select }
  /** Each left row once for every right row that `on` holds for; `left`: left rows without one stay, with nulls. */
  | {
      readonly kind: 'join'
      readonly how: 'inner' | 'left'
      readonly left: Source
      readonly right: Source
      readonly on: Expression
    }
  | Within
  /** Each left row once for every element of its list. */
  | {
      readonly kind: 'unnest'
      readonly left: Source
      readonly list: Expression
      readonly as: string
      readonly element: string
    }

/**
 * Each left row with the number, from 0, of the one range that holds `point`: the column `index` of `as`. Rows that no
 * range holds are dropped. Ranges are ms since 1970, start in, end out; they rise and are disjoint.
 */
export interface Within {
  readonly kind: 'within'
  readonly left: Source
  readonly point: Expression
  readonly ranges: readonly { readonly start: number; readonly end: number }[]
  readonly as: string
  readonly index: string
}

/** A relation under the name by which columns call it. */
export interface Source {
  readonly relation: Relation
  readonly as: string
}

export interface Select {
  readonly with?: readonly { readonly name: string; readonly select: Select }[]
  readonly columns: readonly { readonly expression: Expression; readonly as: string }[]
  readonly from: Source
  readonly where?: Expression
  readonly groupBy?: readonly Expression[]
  readonly orderBy?: readonly Expression[]
  readonly distinct?: 'distinct'
}

export const text = (value: string): Expression => ({ kind: 'literal', literal: { type: 'text', value } })
export const whole = (value: number | bigint): Expression => ({ kind: 'literal', literal: { type: 'whole', value } })
export const instant = (value: number): Expression => ({ kind: 'literal', literal: { type: 'instant', value } })
export const boolean = (value: boolean): Expression => ({ kind: 'literal', literal: { type: 'boolean', value } })
export const column = (name: string, of?: string): Expression =>
  of === undefined ? { kind: 'column', name } : { kind: 'column', name, of }
export const and = (...parts: readonly Expression[]): Expression => ({ kind: 'and', parts })
export const compare = (left: Expression, op: '=' | '<' | '<=' | '>=' | '>', right: Expression): Expression => ({
  kind: 'compare',
  op,
  left,
  right,
})
export const sumOrZero = (of: Expression): Expression => ({
  kind: 'orElse',
  of: { kind: 'sum', of },
  otherwise: whole(0),
})
