/**
 * What authors of pipelines type. Every step has a name, which is its identity across versions; row types follow from
 * step to step, so a column that is not there does not compile. The result is a frozen plan (`node/step.ts`) beside the
 * lambdas it names; `check.ts` has refused it by then if anything would go wrong.
 *
 * Lambdas are pure and synchronous, and live in row steps only. What else they need they name in `uses` and get as
 * their second argument, the same for the whole of an epoch.
 */
import type { EventTime } from '../../core/event-time.ts'
import type { AggregateNode, Pane } from '../core/pane.ts'
import type { AggregatesOver, ColumnsOf } from './aggregates.ts'
import { codeHash } from './canonical.ts'
import { type AnySink, Draft, type Pipeline, type PipelineOptions } from './draft.ts'
import { type Duration, durationMs } from './duration.ts'
import type { FeedDefinition } from './feed-definition.ts'
import type { RowType, RowTypes } from './node/step.ts'
import type { FailedSink, PaneSink, Refused, RowSink } from './sinks.ts'
import { BoundedRows } from './table-builder.ts'
import type { TableRows } from './table-rows.ts'
import type { CalendarWindow } from './windows.ts'

/**
 * Builds a pipeline. `C` is all that its lambdas may use: a type of named side inputs.
 * @throws InvalidPlanError naming what would go wrong when it ran
 */
export function pipeline<C = Record<never, never>>(
  name: string,
  build: (p: PipelineBuilder<C>) => unknown,
  options: PipelineOptions = { jobs: {} },
): Pipeline {
  const draft = new Draft()
  build(new PipelineBuilder<C>(draft))
  return draft.finish(name, options)
}

export class PipelineBuilder<C> {
  constructor(private readonly draft: Draft) {}

  /** Reads a feed in order of its partitions. The watermark is the largest `from` seen, less `delay`; it never goes back. */
  read<R>(
    feed: FeedDefinition<R>,
    options: {
      readonly eventTime: (row: R) => EventTime
      readonly watermark: { readonly from: (row: R) => number; readonly delay: Duration }
    },
  ): Rows<C, R> {
    const name = `read:${feed.name}`
    const { eventTime, watermark } = options
    const code = { eventTime: codeHash(eventTime), watermarkFrom: codeHash(watermark.from) }
    this.draft.add(
      {
        kind: 'read',
        name,
        after: null,
        columns: { ...feed.columns },
        feed: feed.name,
        partitionKey: feed.partitionKey,
        watermarkDelayMs: durationMs(watermark.delay),
        code,
      },
      { [`${name}.eventTime`]: eventTime, [`${name}.watermarkFrom`]: watermark.from },
    )
    return new Rows(this.draft, name, { ...feed.columns })
  }

  /**
   * Reads a table of the lake: bounded, all of it or the part that whoever runs the plan names. Rows are in order of
   * event time, then position.
   */
  readTable<R>(
    rows: TableRows<R>,
    options: {
      readonly eventTime: ColumnsOf<R, EventTime>
      readonly position: readonly ColumnsOf<R, number>[]
    },
  ): BoundedRows<R> {
    const name = `read:${rows.table.name}`
    const columns: RowTypes = { ...rows.columns }
    const { eventTime, position } = options
    this.draft.add({
      ...{ kind: 'readTable', name, after: null, columns },
      ...{ table: rows.table.name, eventTime, position: [...position] },
    })
    return new BoundedRows(this.draft, name, columns)
  }
}

type Uses<C> = readonly (keyof C & string)[]
type Context<C, U extends Uses<C>> = Pick<C, U[number]>
/** Columns that `O` has and `R` has not. */
type Added<R, O> = { readonly [K in Exclude<keyof O & string, keyof R>]: RowType }
type SplitOutcome = { readonly to: string; readonly row: unknown }
type BranchRow<O, B> = O extends { readonly to: B; readonly row: infer Q; readonly reason: string }
  ? Refused<Q>
  : O extends { readonly to: B; readonly row: infer Q }
    ? Q
    : never

export class Rows<C, R> {
  constructor(
    protected readonly draft: Draft,
    protected readonly at: string,
    protected readonly columns: RowTypes,
  ) {}

  /** Passes the first row of each key; one of the same key received less than `within` later is a duplicate. */
  dedupe(
    name: string,
    options: { readonly key: readonly (keyof R & string)[]; readonly within: Duration },
  ): Rows<C, R> {
    const step = { kind: 'dedupe', key: [...options.key], withinMs: durationMs(options.within) } as const
    return this.next(name, step, this.columns)
  }

  /** One row out for each row in. `adds` declares the types of new columns, for the plan's readers and its check. */
  map<O, const U extends Uses<C> = readonly []>(
    name: string,
    lambda: (row: R, context: Context<C, U>) => O,
    options: { readonly uses?: U; readonly adds?: Added<R, NoInfer<O>> } = {},
  ): Rows<C, O> {
    const columns = options.adds && this.columns ? { ...this.columns, ...options.adds } : null
    const step = { kind: 'map', uses: [...(options.uses ?? [])], code: codeHash(lambda) } as const
    return this.next(name, step, columns, { [name]: lambda })
  }

  /** Keeps the rows for which the lambda says true. A row that reaches no sink for it is booked as dropped, by this name. */
  filter<const U extends Uses<C> = readonly []>(
    name: string,
    lambda: (row: R, context: Context<C, U>) => boolean,
    options: { readonly uses?: U } = {},
  ): Rows<C, R> {
    const step = { kind: 'filter', uses: [...(options.uses ?? [])], code: codeHash(lambda) } as const
    return this.next(name, step, this.columns, { [name]: lambda })
  }

  /** Sends each row to one branch. A branch whose outcomes give a `reason` holds refused rows, for a failed sink. */
  split<O extends SplitOutcome, const U extends Uses<C> = readonly []>(
    name: string,
    lambda: (row: R, context: Context<C, U>) => O,
    options: { readonly to: Readonly<Record<O['to'], 'rows' | 'refused'>>; readonly uses?: U },
  ): { readonly [B in O['to']]: Rows<C, BranchRow<O, B>> } {
    const to = Object.keys(options.to) as O['to'][]
    const step = { kind: 'split', to, uses: [...(options.uses ?? [])], code: codeHash(lambda) } as const
    this.next(name, step, this.columns, { [name]: lambda })
    const branches = to.map((branch) => [branch, new Rows(this.draft, `${name}.${branch}`, this.columns)])
    return Object.fromEntries(branches)
  }

  /** Writes every row to a table and hands the rows on. */
  write(sink: R extends Refused<infer Q> ? FailedSink<Q> : RowSink<R>): Rows<C, R> {
    writeStep(this.draft, this.at, sink as unknown as AnySink)
    return this
  }

  /** Assigns each row to its window. `unbounded` lateness: a row is counted whenever it comes; sinks must merge. */
  window(name: string, assign: CalendarWindow<R>, options: { readonly lateness: 'unbounded' }): WindowedRows<R> {
    this.draft.add(
      {
        kind: 'window',
        name,
        after: this.at,
        columns: this.columns,
        assign: { kind: 'calendar', unit: assign.unit },
        lateness: options.lateness,
        code: codeHash(assign.zone),
      },
      { [`${name}.zone`]: assign.zone },
    )
    return new WindowedRows(this.draft, name, this.columns)
  }

  private next<O>(
    name: string,
    step: StepShape,
    columns: RowTypes,
    lambdas: Readonly<Record<string, unknown>> = {},
  ): Rows<C, O> {
    this.draft.add({ ...step, name, after: this.at, columns }, lambdas)
    return new Rows(this.draft, name, columns)
  }
}

type StepShape =
  | { readonly kind: 'dedupe'; readonly key: readonly string[]; readonly withinMs: number }
  | { readonly kind: 'map' | 'filter'; readonly uses: readonly string[]; readonly code: string }
  | { readonly kind: 'split'; readonly to: readonly string[]; readonly uses: readonly string[]; readonly code: string }

type GroupColumns<R> = Readonly<Record<string, readonly (keyof R & string)[]>>

export class WindowedRows<R> {
  constructor(
    private readonly draft: Draft,
    private readonly at: string,
    private readonly columns: RowTypes,
  ) {}

  /** Groups by the feed's partition key and, in each set, by its columns (none: the total). */
  groupBySets(name: string, sets: GroupColumns<R>): GroupedRows<R> {
    const copy = Object.fromEntries(Object.entries(sets).map(([set, columns]) => [set, [...columns]]))
    this.draft.add({ kind: 'group', name, after: this.at, columns: this.columns, sets: copy })
    return new GroupedRows(this.draft, name)
  }
}

export class GroupedRows<R> {
  constructor(
    private readonly draft: Draft,
    private readonly at: string,
  ) {}

  aggregate<const A extends AggregatesOver<R>>(aggregates: A): Aggregated<A> {
    const name = `${this.at}.aggregate`
    const nodes = { ...aggregates } as Readonly<Record<string, AggregateNode>>
    this.draft.add({ kind: 'aggregate', name, after: this.at, columns: null, aggregates: nodes })
    return new Aggregated(this.draft, name, `${this.at}.emit`)
  }
}

export class Aggregated<A> {
  constructor(
    private readonly draft: Draft,
    private readonly at: string,
    private readonly name: string,
  ) {}

  /** `epoch` and `discarding`: each epoch gives partial rows that merge; no window state outlives it. */
  emit(options: { readonly every: 'epoch' | 'close'; readonly panes: 'discarding' | 'accumulating' }): Panes<A> {
    this.draft.add({ kind: 'emit', name: this.name, after: this.at, columns: null, ...options })
    return new Panes(this.draft, this.name)
  }
}

export class Panes<A> {
  constructor(
    private readonly draft: Draft,
    private readonly at: string,
  ) {}

  write(sink: PaneSink<Pane<A>>): void {
    writeStep(this.draft, this.at, sink as unknown as AnySink)
  }
}

function writeStep(draft: Draft, after: string, sink: AnySink): void {
  const name = `write:${sink.table.name}`
  const counts = sink.kind === 'failed' ? 'failed' : sink.kind === 'panes' ? 'derived' : sink.counts
  draft.add({ kind: 'write', name, after, columns: null, table: sink.table.name, counts, code: codeHash(sink.toRow) })
  draft.sinks.set(name, sink)
}
