/**
 * What authors of pipelines type. Every step has a name, which is its identity across versions; row types follow from
 * step to step, so a column that is not there does not compile. The result is a frozen plan (`node/step.ts`) beside the
 * lambdas it names; `check.ts` has refused it by then if anything would go wrong.
 *
 * Lambdas are pure and synchronous, and live in row steps only. What else they need they name in `uses` and get as
 * their second argument, the same for the whole of an epoch.
 */
import { InvalidPlanError } from '../../core/errors.ts'
import type { EventTime } from '../../core/event-time.ts'
import type { ColumnsOf } from './aggregates.ts'
import { takesFailed } from './check-sinks.ts'
import { Draft, formerNames, lambdaHash, type Pipeline, type PipelineOptions } from './draft.ts'
import { type Duration, durationMs } from './duration.ts'
import type { FeedDefinition } from './feed-definition.ts'
import type { PlanStep, RowType, RowTypes } from './node/step.ts'
import { type Failed, type FailedSink, type OutputSink, type Refused, type RowSink, refusedOutput } from './sinks.ts'
import type { OutputOf, StandardSchema } from './standard-schema.ts'
import { BoundedRows } from './table-builder.ts'
import type { TableRows } from './table-rows.ts'
import { validation } from './validation.ts'
import { KeyedRows, WindowedRows, type WindowOptions, windowStep } from './window-builder.ts'
import type { AnyWindow } from './windows.ts'
import { writeStep } from './write-step.ts'

/**
 * Builds a pipeline. `C` is all that its lambdas may use: a type of named side inputs.
 * @throws InvalidPlanError naming what would go wrong when it ran
 */
export function pipeline<C = Record<never, never>>(
  name: string,
  build: (p: PipelineBuilder<C>) => unknown,
  options: PipelineOptions = {},
): Pipeline {
  const draft = new Draft()
  build(new PipelineBuilder<C>(draft))
  handOutRefused(draft)
  return draft.finish(name, options)
}

/** Whoever takes a pipeline's rows can take what fails as well: it need not say so. */
function handOutRefused(draft: Draft): void {
  const { steps } = draft
  if (steps.some(({ kind }) => kind === 'write') || steps.some(takesFailed)) return
  if (!steps.some(({ kind }) => kind === 'read') || !steps.some(({ kind }) => kind === 'collect')) return
  writeStep(draft, null, refusedOutput('refused'))
}

export class PipelineBuilder<C> {
  constructor(private readonly draft: Draft) {}

  /**
   * Reads a feed in order of its partitions. The watermark is the largest `from` seen, less `delay`; it never goes back.
   * `failed` takes what cannot be processed, where no branch of refused rows is written to such a sink; a pipeline that only
   * hands rows out may leave both, and has an output `refused`.
   */
  read<R, P extends keyof R & string>(
    feed: FeedDefinition<R, P>,
    options: {
      readonly eventTime: (row: R) => EventTime
      readonly watermark: { readonly from: (row: R) => number; readonly delay: Duration }
      readonly failed?: FailedSink<R> | OutputSink<'refused', Failed<R>>
    },
  ): Rows<C, R, P> {
    const name = `read:${feed.name}`
    const { eventTime, watermark } = options
    const code = { eventTime: lambdaHash(name, eventTime), watermarkFrom: lambdaHash(name, watermark.from) }
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
    if (options.failed !== undefined) writeStep(this.draft, null, options.failed)
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
    return new BoundedRows({ draft: this.draft, at: name, columns })
  }
}

type Uses<C> = readonly (keyof C & string)[]
type Context<C, U extends Uses<C>> = Pick<C, U[number]>
type Lambda<C, R, U extends Uses<C>, O> = (row: R, context: Context<C, U>) => O
/** Columns that `O` has and `R` has not. */
type Added<R, O> = { readonly [K in Exclude<keyof O & string, keyof R>]: RowType }
type SplitOutcome = { readonly to: string; readonly row: unknown }
type BranchRow<O, B> = O extends { readonly to: B; readonly row: infer Q; readonly reason: string }
  ? Refused<Q>
  : O extends { readonly to: B; readonly row: infer Q }
    ? Q
    : never

export interface StepOptions {
  /** What the step was called before: its state goes on under the new name. Several: newest first. */
  readonly was?: string | readonly string[]
}
interface LambdaOptions<U> extends StepOptions {
  readonly uses?: U
}
/** The types of what a lambda makes, for the plan's readers and its check: columns it adds to the row, or all of them. */
interface MapOptions<U, R, O> extends LambdaOptions<U> {
  readonly adds?: Added<R, O>
  readonly columns?: { readonly [K in keyof O & string]: RowType }
}

/** Columns that hold the feed's partition key `P`, by which state is local. */
export type WithKey<K extends readonly string[], P extends string> = [P & K[number]] extends [never]
  ? { readonly 'the partition key is missing': P }
  : unknown

/** Rows `R` of a feed partitioned by the column `P`; `C` is what lambdas may use. */
export class Rows<C, R, P extends string = string> {
  // Two sets of rows are of one type only where every row of each fits the other; methods alone would not say so.
  declare protected readonly only: (row: R) => R

  constructor(
    protected readonly draft: Draft,
    protected readonly at: string,
    protected readonly columns: RowTypes,
  ) {}

  /** Passes the first row of each key; one of the same key received less than `within` later is a duplicate. */
  dedupe<const K extends readonly (keyof R & string)[]>(
    name: string,
    options: { readonly key: K & WithKey<K, P>; readonly within: Duration } & StepOptions,
  ): Rows<C, R, P> {
    const step = { kind: 'dedupe', key: [...options.key], withinMs: durationMs(options.within) } as const
    return this.next(name, step, this.columns, options)
  }

  /** One row out for each row in. */
  map<O, const U extends Uses<C> = readonly []>(
    name: string,
    lambda: Lambda<C, R, U, O>,
    options: MapOptions<U, R, NoInfer<O>> = {},
  ): Rows<C, O, P> {
    return this.next(name, { kind: 'map', ...this.code(name, lambda, options) }, this.made(options), options, lambda)
  }

  /** None, one or more rows out for each row in, each with the event time of that row. */
  flatMap<O, const U extends Uses<C> = readonly []>(
    name: string,
    lambda: Lambda<C, R, U, readonly O[]>,
    options: MapOptions<U, R, NoInfer<O>> = {},
  ): Rows<C, O, P> {
    const step = { kind: 'flatMap', ...this.code(name, lambda, options) } as const
    return this.next(name, step, this.made(options), options, lambda)
  }

  /** Keeps the rows for which the lambda says true. A row that reaches no sink for it is booked as dropped, by this name. */
  filter<const U extends Uses<C> = readonly []>(
    name: string,
    lambda: Lambda<C, R, U, boolean>,
    options: LambdaOptions<U> = {},
  ): Rows<C, R, P> {
    return this.next(name, { kind: 'filter', ...this.code(name, lambda, options) }, this.columns, options, lambda)
  }

  /** Sends each row to one branch. A branch whose outcomes give a `reason` holds refused rows, for a failed sink. */
  split<O extends SplitOutcome, const U extends Uses<C> = readonly []>(
    name: string,
    lambda: Lambda<C, R, U, O>,
    options: { readonly to: Readonly<Record<O['to'], 'rows' | 'refused'>> } & LambdaOptions<U>,
  ): { readonly [B in O['to']]: Rows<C, BranchRow<O, B>, P> } {
    const to = Object.keys(options.to) as O['to'][]
    this.next(name, { kind: 'split', to, ...this.code(name, lambda, options) }, this.columns, options, lambda)
    const branches = to.map((branch) => [branch, new Rows(this.draft, `${name}.${branch}`, this.columns)])
    return Object.fromEntries(branches)
  }

  /**
   * Judges each row by a schema of the Standard Schema interface, synchronous. What passes is what the schema gives; the
   * rest goes to `refused` with `invalid:` and the path of the first issue as its reason. `version` stands for the
   * schema's source, which nobody can see: raise it with every change.
   */
  validate<S extends StandardSchema>(
    name: string,
    schema: S,
    options: {
      readonly version: string
      readonly columns?: { readonly [K in keyof OutputOf<S> & string]: RowType }
    } & StepOptions,
  ): { readonly passed: Rows<C, OutputOf<S>, P>; readonly refused: Rows<C, Refused<R>, P> } {
    const lambda = validation(name, schema)
    const { version, columns = null } = options
    const { vendor } = schema['~standard']
    const step = { kind: 'validate', to: ['passed', 'refused'], vendor, version } as const
    this.next(name, step, this.columns, options, lambda)
    return {
      passed: new Rows(this.draft, `${name}.passed`, columns),
      refused: new Rows(this.draft, `${name}.refused`, null),
    }
  }

  /** These rows and those of `others`, all of one type, as one. */
  union(name: string, others: readonly Rows<C, R, P>[], options: StepOptions = {}): Rows<C, R, P> {
    if (others.some((other) => other.draft !== this.draft)) {
      throw new InvalidPlanError(`'${name}' joins rows of another pipeline`)
    }
    const columns = others.reduce((all, other) => columnsOfBoth(all, other.columns), this.columns)
    return this.next(name, { kind: 'union', also: others.map((other) => other.at) }, columns, options)
  }

  /** Goes on with a function from rows to whatever it makes of them: how steps are put together for reuse. */
  through<T>(composite: (rows: Rows<C, R, P>) => T): T {
    return composite(this)
  }

  /** Writes every row to a sink and hands the rows on. */
  write(
    sink: R extends Refused<infer Q>
      ? FailedSink<Q> | OutputSink<'refused', Failed<Q>>
      : RowSink<R> | OutputSink<'rows', R>,
  ): Rows<C, R, P> {
    writeStep(this.draft, this.at, sink)
    return this
  }

  /**
   * Assigns each row to its windows. A window takes rows until the watermark passes its end by `lateness` (none: not at
   * all); later ones leave by `tooLate`. `unbounded`: a row is counted whenever it comes; sinks must add.
   */
  window(name: string, assign: AnyWindow<R>, options: WindowOptions = {}): WindowedRows<C, R, P> {
    windowStep(this.draft, { name, after: this.at, columns: this.columns }, assign, options)
    return new WindowedRows(this.draft, name, this.columns, new Rows(this.draft, `${name}.tooLate`, this.columns))
  }

  /** Rows equal in all of these columns go together, the partition key among them. No value equals no value. */
  groupBy<const K extends readonly (keyof R & string)[]>(
    name: string,
    by: K & WithKey<K, P>,
    options: StepOptions = {},
  ): KeyedRows<C, R, P, K[number]> {
    this.next(name, { kind: 'groupBy', by: [...by] }, this.columns, options)
    return new KeyedRows(this.draft, name, this.columns, (output) => new Rows(this.draft, output, this.columns))
  }

  private code(name: string, lambda: unknown, { uses }: LambdaOptions<Uses<C>>) {
    return { uses: [...(uses ?? [])], code: lambdaHash(name, lambda) }
  }

  private made(options: {
    readonly adds?: Readonly<Record<string, RowType>>
    readonly columns?: Readonly<Record<string, RowType>>
  }): RowTypes {
    if (options.columns !== undefined) return { ...options.columns }
    return options.adds && this.columns ? { ...this.columns, ...options.adds } : null
  }

  private next<O>(
    name: string,
    step: StepShape,
    columns: RowTypes,
    options: StepOptions,
    lambda?: unknown,
  ): Rows<C, O, P> {
    const whole = { ...step, name, after: this.at, columns, ...formerNames(options.was) } as PlanStep
    this.draft.add(whole, lambda === undefined ? {} : { [name]: lambda })
    return new Rows(this.draft, name, columns)
  }
}

type Made<K extends PlanStep['kind']> = Omit<PlanStep & { readonly kind: K }, 'name' | 'after' | 'columns' | 'was'>
type StepShape =
  | Made<'dedupe'>
  | Made<'map' | 'filter' | 'flatMap'>
  | Made<'split'>
  | Made<'validate'>
  | Made<'union'>
  | Made<'groupBy'>

/** Columns that both declare alike. */
function columnsOfBoth(a: RowTypes, b: RowTypes): RowTypes {
  if (a === null || b === null) return null
  return Object.fromEntries(Object.entries(a).filter(([column, type]) => b[column] === type))
}
