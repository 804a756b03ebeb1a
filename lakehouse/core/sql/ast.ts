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
  | { readonly kind: 'compare'; readonly op: Comparison; readonly left: Expression; readonly right: Expression }
  /** At least one part. */
  | { readonly kind: 'and' | 'or'; readonly parts: readonly Expression[] }
  | { readonly kind: 'not'; readonly of: Expression }
  | { readonly kind: 'isNull' | 'notNull'; readonly of: Expression }
  /** Equal to one of the literals, of which there is at least one. */
  | { readonly kind: 'in'; readonly of: Expression; readonly literals: readonly Literal[] }
  /** Whether the text has `part` as a part, character by character; every text has ''. */
  | { readonly kind: 'contains'; readonly of: Expression; readonly part: string }
  | { readonly kind: 'orElse'; readonly of: Expression; readonly otherwise: Expression }
  /** The first `value` whose `when` holds; null where none does and nothing is said `otherwise`. */
  | {
      readonly kind: 'case'
      readonly branches: readonly { readonly when: Expression; readonly value: Expression }[]
      readonly otherwise?: Expression
    }
  /** Of whole numbers. */
  | { readonly kind: 'arithmetic'; readonly op: '+' | '-' | '*'; readonly left: Expression; readonly right: Expression }
  /** Of a whole number, rounded down, also below 0. `by` is a whole number above 0. */
  | { readonly kind: 'floorDivide'; readonly of: Expression; readonly by: number }
  /** Digits of a whole number; `true` and `false`; a text itself. */
  | { readonly kind: 'asText'; readonly of: Expression }
  /** ms since 1970 of an instant that is a whole number of them, as all of our columns are. */
  | { readonly kind: 'epochMs'; readonly of: Expression }
  /** The instant of whole ms since 1970. */
  | { readonly kind: 'instantOf'; readonly ms: Expression }
  /** The whole number that core/sketch/distinct-of.ts makes of a text; null of none. */
  | { readonly kind: 'hashOf'; readonly text: Expression }
  /**
   * What JavaScript's `String` makes of the property `key` of a flat JSON object as `JSON.stringify` wrote it; '' where it is
   * absent or null, and where there is no object.
   */
  | { readonly kind: 'prop'; readonly of: Expression; readonly key: string }
  /** The text or number of the member `key` of a JSON object, as text; null where it is absent, null, or there is no object. */
  | { readonly kind: 'member'; readonly of: Expression; readonly key: 'user' | 'visitor' }
  /**
   * The whole number at the path of these texts, one or two; null where there is none, and for null. At least one entry, each
   * path once. For lists that would be too long as conditions: an engine looks it up at once.
   */
  | { readonly kind: 'lookUp'; readonly keys: readonly Expression[]; readonly entries: readonly LookedUp[] }
  /** Exact at any size: no dialect may overflow or round. Null where there is nothing to sum. */
  | { readonly kind: 'sum'; readonly of: Expression }
  | { readonly kind: 'max' | 'min'; readonly of: Expression }
  /** `of` in the row with the smallest (largest) `by`, compared key by key; no key may be null, nor may `of`. */
  | { readonly kind: 'minBy' | 'maxBy'; readonly of: Expression; readonly by: readonly Expression[] }
  /** Rows for which the condition holds; all rows without one. */
  | { readonly kind: 'count'; readonly where?: Expression }
  /** 1 for the first row of its partition in the order given, and so on. */
  | { readonly kind: 'place'; readonly partitionBy: readonly Expression[]; readonly orderBy: readonly OrderKey[] }
  /** The same, but rows that the order does not tell apart have one place, that of the first. */
  | { readonly kind: 'rank'; readonly partitionBy: readonly Expression[]; readonly orderBy: readonly OrderKey[] }
  /** `of` in the row before; null in the first. */
  | {
      readonly kind: 'before'
      readonly of: Expression
      readonly partitionBy: readonly Expression[]
      readonly orderBy: readonly OrderKey[]
    }
  /** Of the rows of the partition: all, or with an order those up to and with this one. Null where there is nothing. */
  | {
      readonly kind: 'over'
      readonly call: 'max' | 'min' | 'sum'
      readonly of: Expression
      readonly partitionBy: readonly Expression[]
      readonly orderBy?: readonly OrderKey[]
    }
  /** The values of all rows that are not null, as a list in no order; null where there are none. */
  | { readonly kind: 'listOf'; readonly of: Expression }
  /** Every element of the rows' lists once, as a list in no order; null where no row has a list. */
  | { readonly kind: 'unionOf'; readonly lists: Expression }
  /** The rows' lists one after the other, in no order of rows; null where no row has a list. */
  | { readonly kind: 'joinedLists'; readonly lists: Expression }
  /** The `limit` smallest elements of a list, rising; null for no list. */
  | { readonly kind: 'smallest'; readonly list: Expression; readonly limit: number }
  /** A struct with these fields. */
  | { readonly kind: 'struct'; readonly fields: readonly StructField[] }
  /**
   * Of a list of structs: one struct for each distinct `key`, rising, with the sum of its `value`s; null for no list. The
   * result has the types named; a sum beyond its type is an error. A struct has these two fields in this order and no
   * other, neither is null.
   */
  | { readonly kind: 'sumByKey'; readonly list: Expression; readonly key: StructPart; readonly value: StructPart }
  /** A list of structs as JSON text: an array of pairs [key, value], both as text; null for no list. */
  | { readonly kind: 'pairs'; readonly list: Expression; readonly key: string; readonly value: string }
  /** A list of whole numbers as JSON text: an array of texts; null for no list. */
  | { readonly kind: 'listTexts'; readonly list: Expression }
  /** Texts, at least one and none null, as JSON text: an array. */
  | { readonly kind: 'texts'; readonly of: readonly Expression[] }
  /** Of the `limit` smallest elements of a list: how many there are; 0 for no list. */
  | { readonly kind: 'countOfSmallest'; readonly list: Expression; readonly limit: number }
  /** Of the `limit` smallest elements of a list: the largest; null where there are none. */
  | { readonly kind: 'largestOfSmallest'; readonly list: Expression; readonly limit: number }
  /** What a sketch of size `k` estimates (`kmvEstimate`), of a list of distinct hashes; 0 for no list. */
  | { readonly kind: 'distinctEstimate'; readonly list: Expression; readonly k: number }

export type Comparison = '=' | '<>' | '<' | '<=' | '>=' | '>'

export interface LookedUp {
  readonly path: readonly string[]
  readonly value: number
}

/** Rising, or falling; nulls last either way. */
export type OrderKey = Expression | { readonly kind: 'falling'; readonly of: Expression }

export type ScalarType = 'text' | 'int' | 'long' | 'decimal38'

export interface StructPart {
  readonly name: string
  readonly type: ScalarType
}

export interface StructField extends StructPart {
  readonly of: Expression
}

export type Relation =
  /** Rows of a table of the lake, as the printer's caller says where they are. */
  | { readonly kind: 'table'; readonly table: TableName; readonly columns: readonly string[] }
  /** A relation of the `with` list. */
  | { readonly kind: 'named'; readonly name: string }
  | { readonly kind: 'select'; readonly select: Select }
  /** These rows, at least one, each with a value for every column. */
  | {
      readonly kind: 'rows'
      readonly columns: readonly { readonly name: string; readonly type: Literal['type'] }[]
      readonly rows: readonly (readonly Literal[])[]
    }
  /** Rows of all of them, at least one. Columns are those of the first; the others have as many, of the same types. */
  | { readonly kind: 'unionAll'; readonly selects: readonly Select[] }
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
 * Each left row with the one range that holds `point`: the range's `values` are the columns `columns` of `as`, whole numbers
 * or null. Rows that no range holds are dropped. Ranges are ms since 1970, start in, end out; they rise and are disjoint.
 */
export interface Within {
  readonly kind: 'within'
  readonly left: Source
  readonly point: Expression
  readonly ranges: readonly ValuedRange[]
  readonly as: string
  readonly columns: readonly string[]
}

export interface ValuedRange {
  readonly start: number
  readonly end: number
  readonly values: readonly (number | null)[]
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
  readonly orderBy?: readonly OrderKey[]
  readonly distinct?: 'distinct'
  /** Most rows. */
  readonly limit?: number
}

export const text = (value: string): Expression => ({ kind: 'literal', literal: { type: 'text', value } })
export const whole = (value: number | bigint): Expression => ({ kind: 'literal', literal: { type: 'whole', value } })
export const instant = (value: number): Expression => ({ kind: 'literal', literal: { type: 'instant', value } })
export const boolean = (value: boolean): Expression => ({ kind: 'literal', literal: { type: 'boolean', value } })
export const column = (name: string, of?: string): Expression =>
  of === undefined ? { kind: 'column', name } : { kind: 'column', name, of }
export const and = (...parts: readonly Expression[]): Expression => ({ kind: 'and', parts })
export const or = (...parts: readonly Expression[]): Expression => ({ kind: 'or', parts })
export const not = (of: Expression): Expression => ({ kind: 'not', of })
export const anyOf = (of: Expression, values: readonly string[]): Expression => ({
  kind: 'in',
  of,
  literals: values.map((value) => ({ type: 'text', value })),
})
export const orElse = (of: Expression, otherwise: Expression): Expression => ({ kind: 'orElse', of, otherwise })
export const falling = (of: Expression): OrderKey => ({ kind: 'falling', of })
export const compare = (left: Expression, op: Comparison, right: Expression): Expression => ({
  kind: 'compare',
  op,
  left,
  right,
})
export const arithmetic = (left: Expression, op: '+' | '-' | '*', right: Expression): Expression => ({
  kind: 'arithmetic',
  op,
  left,
  right,
})
export const named = (name: string, as: string = name): Source => ({ relation: { kind: 'named', name }, as })
export const sumOrZero = (of: Expression): Expression => ({
  kind: 'orElse',
  of: { kind: 'sum', of },
  otherwise: whole(0),
})
