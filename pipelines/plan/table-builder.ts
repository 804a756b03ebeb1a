/**
 * Steps over a table of the lake: bounded, and declared throughout, without a lambda, so that the whole plan can run as
 * SQL. The builder's other steps are in builder.ts.
 */
import type { TableDefinition } from '../../core/tables.ts'
import type { AggregateNode, Literal } from '../core/pane.ts'
import type { AggregatesOver } from './aggregates.ts'
import type { Draft } from './draft.ts'
import { durationMs } from './duration.ts'
import type { RowTypes } from './node/step.ts'
import type { Is, PredicateOver } from './predicates.ts'
import { rowTypeOf } from './table-rows.ts'
import type { SessionWindow } from './windows.ts'

export class BoundedRows<R> {
  constructor(
    private readonly draft: Draft,
    private readonly at: string,
    private readonly columns: RowTypes,
  ) {}

  /** Keeps the rows for which the predicate holds. */
  where(name: string, predicate: PredicateOver<R>): BoundedRows<R> {
    const where = { column: predicate.column, is: predicate.is as Literal }
    this.draft.add({ kind: 'where', name, after: this.at, columns: this.columns, where })
    return new BoundedRows(this.draft, name, this.columns)
  }

  /** Rows equal in all of these columns go together; no value equals no value. */
  groupBy<const K extends readonly (keyof R & string)[]>(name: string, by: K): KeyedRows<R, K[number]> {
    this.draft.add({ kind: 'groupBy', name, after: this.at, columns: this.columns, by: [...by] })
    return new KeyedRows(this.draft, name, this.columns)
  }
}

export class KeyedRows<R, K extends keyof R & string> {
  constructor(
    private readonly draft: Draft,
    private readonly at: string,
    private readonly columns: RowTypes,
  ) {}

  /** Cuts each group where nothing happens for long: core/visits.ts says exactly where. */
  window(name: string, session: SessionWindow<K>): SessionRows<R, K> {
    const assign = {
      kind: 'session',
      gapMs: durationMs(session.gap),
      named: { column: session.named.column, gapMs: durationMs(session.named.gap) },
      atMostMs: durationMs(session.atMost),
    } as const
    this.draft.add({ kind: 'sessionWindow', name, after: this.at, columns: this.columns, assign })
    return new SessionRows(this.draft, name)
  }
}

export class SessionRows<R, K extends string> {
  constructor(
    private readonly draft: Draft,
    private readonly at: string,
  ) {}

  /** One row a window: the columns that it is grouped by, and these. */
  aggregate<const A extends AggregatesOver<R>>(aggregates: A): WindowResults<K, A> {
    const name = `${this.at}.aggregate`
    const nodes = { ...aggregates } as Readonly<Record<string, AggregateNode>>
    this.draft.add({ kind: 'aggregate', name, after: this.at, columns: null, aggregates: nodes })
    return new WindowResults(this.draft, name, `${this.at}.derive`)
  }
}

export class WindowResults<K extends string, A> {
  constructor(
    private readonly draft: Draft,
    private readonly at: string,
    private readonly name: string,
  ) {}

  /** Adds columns made of a row's aggregates. */
  derive(columns: DerivedOver<A>): WindowResults<K, A> {
    this.draft.add({ kind: 'derive', name: this.name, after: this.at, columns: null, derived: { ...columns } })
    return new WindowResults(this.draft, this.name, `${this.name}.derive`)
  }

  /** Writes the rows to a table, whose columns they have by name, all but those that the lake sets. */
  write(table: TableDefinition): void {
    const name = `write:${table.name}`
    const columns = Object.fromEntries(table.columns.map((column) => [column.name, rowTypeOf(column.type)]))
    this.draft.add({ kind: 'write', name, after: this.at, columns, table: table.name, counts: 'derived', code: null })
  }
}

type DerivedOver<A> = Readonly<
  Record<string, Difference<keyof A & string> | Is<keyof A & string, string | number | boolean>>
>

interface Difference<K extends string> {
  readonly column: K
  readonly less: K
}

/** One aggregate less another, both of integers or instants. */
export const difference = <const K extends string>(column: K, less: K): Difference<K> => ({ column, less })
