/**
 * Steps over a table of the lake: bounded, and declared throughout, without a lambda, so that the whole plan can run as
 * SQL. The builder's other steps are in builder.ts; what can be derived is in table-derive.ts.
 */
import type { LakeRow, TableDefinition } from '../../core/tables.ts'
import type { AggregateNode, Literal } from '../core/pane.ts'
import type { Draft } from './draft.ts'
import type { DerivedColumn, RowTypes } from './node/step.ts'
import type { PredicateOver } from './predicates.ts'
import type { OutputSink } from './sinks.ts'
import type { TableAggregatesOver } from './table-aggregates.ts'
import { type DerivedOver, type DerivedRow, type DerivedRowsOver, derivedTypes } from './table-derive.ts'
import { rowTypeOf } from './table-rows.ts'
import { type GroupWindow, groupWindowAssign, type TimeWindow, timeWindowAssign } from './table-windows.ts'
import { writeStep } from './write-step.ts'

export { difference, hashOf, windowEnd, windowStart } from './table-derive.ts'

type TextColumns<R> = { [K in keyof R & string]: R[K] extends string | null ? K : never }[keyof R & string]

/** Where a step of a plan stands. */
interface Place {
  readonly draft: Draft
  readonly at: string
  readonly columns: RowTypes
}

export class BoundedRows<R> {
  constructor(private readonly place: Place) {}

  /** Keeps the rows for which the predicate holds. */
  where(name: string, predicate: PredicateOver<R>): BoundedRows<R> {
    const { draft, at, columns } = this.place
    const where = { column: predicate.column, is: predicate.is as Literal }
    draft.add({ kind: 'where', name, after: at, columns, where })
    return new BoundedRows({ draft, at: name, columns })
  }

  /** Adds columns made of a row's own. */
  derive<const D extends DerivedRowsOver<R>>(name: string, derived: D): BoundedRows<R & DerivedRow<D>> {
    const { draft, at, columns: above } = this.place
    // Predicates hold values of their column's type, which are literals.
    const made = { ...derived } as unknown as Readonly<Record<string, DerivedColumn>>
    const columns: RowTypes = { ...above, ...derivedTypes(made) }
    draft.add({ kind: 'derive', name, after: at, columns, derived: made })
    return new BoundedRows({ draft, at: name, columns })
  }

  /** Rows equal in all of these columns go together; no value equals no value. */
  groupBy<const K extends readonly (keyof R & string)[]>(name: string, by: K): KeyedRows<R, K[number]> {
    return new KeyedRows(grouped(this.place, name, by))
  }

  /** Puts each row into its windows. */
  window(name: string, window: TimeWindow<TextColumns<R>>): WindowedTableRows<R> {
    return new WindowedTableRows(inTimeWindows(this.place, name, window))
  }
}

export class WindowedTableRows<R> {
  constructor(private readonly place: Place) {}

  /** As `groupBy` of rows, in each window. */
  groupBy<const K extends readonly (keyof R & string)[]>(name: string, by: K): GroupedTableRows<R, K[number]> {
    return new GroupedTableRows(grouped(this.place, name, by))
  }
}

export class KeyedRows<R, K extends keyof R & string> {
  constructor(private readonly place: Place) {}

  /**
   * Windows of each group: by time, or cut where nothing happens for long, which core/visits.ts says exactly.
   * No time of those is above a day.
   */
  window(name: string, window: TimeWindow<TextColumns<R>> | GroupWindow<K>): GroupedTableRows<R, K> {
    const { place } = this
    if (window.kind !== 'session') return new GroupedTableRows(inTimeWindows(place, name, window))
    const { draft, at, columns } = place
    draft.add({ kind: 'sessionWindow', name, after: at, columns, assign: groupWindowAssign(window) })
    return new GroupedTableRows({ draft, at: name, columns })
  }
}

export class GroupedTableRows<R, K extends string> {
  constructor(private readonly place: Place) {}

  /** One row a window and group: the columns that it is grouped by, and these. */
  aggregate<const A extends TableAggregatesOver<R>>(aggregates: A): WindowResults<K, A> {
    const { draft, at } = this.place
    const name = `${at}.aggregate`
    const nodes = { ...aggregates } as Readonly<Record<string, AggregateNode>>
    draft.add({ kind: 'aggregate', name, after: at, columns: null, aggregates: nodes })
    return new WindowResults(draft, name, `${at}.derive`)
  }
}

export class WindowResults<K extends string, A> {
  constructor(
    private readonly draft: Draft,
    private readonly at: string,
    private readonly name: string,
  ) {}

  /** Adds columns made of a row's aggregates, or of its window. */
  derive(columns: DerivedOver<A>): WindowResults<K, A> {
    this.draft.add({ kind: 'derive', name: this.name, after: this.at, columns: null, derived: { ...columns } })
    return new WindowResults(this.draft, this.name, `${this.name}.derive`)
  }

  /**
   * Writes the rows to a table, whose columns they have by name, all but those that the lake sets; or hands them to whoever
   * runs the plan.
   */
  write(sink: TableDefinition | OutputSink<'rows', LakeRow>): void {
    if ('output' in sink) {
      writeStep(this.draft, this.at, sink)
      return
    }
    const name = `write:${sink.name}`
    const columns = Object.fromEntries(sink.columns.map((column) => [column.name, rowTypeOf(column.type)]))
    this.draft.add({ kind: 'write', name, after: this.at, columns, table: sink.name, counts: 'derived', code: null })
  }
}

function grouped({ draft, at, columns }: Place, name: string, by: readonly string[]): Place {
  draft.add({ kind: 'groupBy', name, after: at, columns, by: [...by] })
  return { draft, at: name, columns }
}

function inTimeWindows({ draft, at, columns }: Place, name: string, window: TimeWindow<string>): Place {
  draft.add({ kind: 'tableWindow', name, after: at, columns, assign: timeWindowAssign(window) })
  return { draft, at: name, columns }
}
