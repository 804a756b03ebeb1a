/** What stands between rows and panes: windows, groups, aggregates, emission. The steps before are in builder.ts. */
import type { AggregateNode, Pane } from '../core/pane.ts'
import type { AggregatesOver } from './aggregates.ts'
import type { Rows, StepOptions, WithKey } from './builder.ts'
import { type Draft, formerNames, lambdaHash } from './draft.ts'
import { type Duration, durationMs } from './duration.ts'
import type { CloseEmitStep, RowTypes } from './node/step.ts'
import type { PartialPane, SetKey, UpsertPane } from './panes.ts'
import type { OutputSink, PaneSink, UpsertSink } from './sinks.ts'
import { type AnyWindow, windowAssign } from './windows.ts'
import { writeStep } from './write-step.ts'

export interface WindowOptions extends StepOptions {
  /** Left out: none. */
  readonly lateness?: 'unbounded' | Duration
}

type SetsOf<R> = Readonly<Record<string, readonly (keyof R & string)[]>>

export class WindowedRows<C, R, P extends string> {
  constructor(
    private readonly draft: Draft,
    private readonly at: string,
    private readonly columns: RowTypes,
    /** Rows that came when all of their windows were gone. Unread: dropped, and counted as `too_late`. */
    readonly tooLate: Rows<C, R, P>,
  ) {}

  /** Groups by the feed's partition key and, in each set, by its columns (none: the total). */
  groupBySets(name: string, sets: SetsOf<R>, options: StepOptions = {}): GroupedRows<R, 'sets', SetKey> {
    const copy = Object.fromEntries(Object.entries(sets).map(([set, columns]) => [set, [...columns]]))
    const { draft, at, columns } = this
    draft.add({ kind: 'group', name, after: at, columns, sets: copy, ...formerNames(options.was) })
    return new GroupedRows(draft, name)
  }

  /** Rows of a window equal in all of these columns go together, the partition key among them. */
  groupBy<const K extends readonly (keyof R & string)[]>(
    name: string,
    by: K & WithKey<K, P>,
    options: StepOptions = {},
  ): GroupedRows<R, 'columns', Pick<R, K[number]>> {
    const { draft, at, columns } = this
    draft.add({ kind: 'groupBy', name, after: at, columns, by: [...by], ...formerNames(options.was) })
    return new GroupedRows(draft, name)
  }
}

/** Rows grouped by the columns `K` before their windows, which are then a group's own. */
export class KeyedRows<C, R, P extends string, K extends keyof R & string> {
  constructor(
    private readonly draft: Draft,
    private readonly at: string,
    private readonly columns: RowTypes,
    private readonly rowsAt: (output: string) => Rows<C, R, P>,
  ) {}

  /** As `window` of rows. */
  window(name: string, assign: AnyWindow<R>, options: WindowOptions = {}): KeyedWindows<C, R, P, K> {
    const { draft, at, columns } = this
    windowStep(draft, { name, after: at, columns }, assign, options)
    return new KeyedWindows(draft, name, this.rowsAt(`${name}.tooLate`))
  }
}

export class GroupedRows<R, M extends 'sets' | 'columns', K> {
  constructor(
    private readonly draft: Draft,
    private readonly at: string,
  ) {}

  /** One value an aggregate for each window and group. */
  aggregate<const A extends AggregatesOver<R>>(aggregates: A): Aggregated<M, K, A> {
    const name = `${this.at}.aggregate`
    const nodes = { ...aggregates } as Readonly<Record<string, AggregateNode>>
    this.draft.add({ kind: 'aggregate', name, after: this.at, columns: null, aggregates: nodes })
    return new Aggregated(this.draft, name, `${this.at}.emit`)
  }
}

export class KeyedWindows<C, R, P extends string, K extends keyof R & string> extends GroupedRows<
  R,
  'columns',
  Pick<R, K>
> {
  constructor(
    draft: Draft,
    at: string,
    /** As of windowed rows. */
    readonly tooLate: Rows<C, R, P>,
  ) {
    super(draft, at)
  }
}

/** Partial panes once an epoch; no window state outlives it, so lateness may be unbounded. */
export interface EpochEmission {
  readonly every: 'epoch'
  readonly panes: 'discarding'
}

/**
 * One pane when the watermark passes the window's end. `early` ones before it: every so often of processing time since the
 * first row that no pane has, or after so many rows. `late` ones for rows within the lateness: for each, or after so many (left out: one when
 * the window goes).
 * `accumulating` panes hold all of the window, `discarding` ones what came since the last; `onClose` (default: always)
 * says whether a window closes with a pane where nothing came since.
 */
export interface CloseEmission<M extends CloseEmitStep['panes']> {
  readonly on: 'close'
  readonly panes: M
  readonly early?: { readonly every: Duration } | { readonly afterRows: number }
  readonly late?: 'each' | { readonly afterRows: number }
  readonly onClose?: CloseEmitStep['onClose']
}

type EpochPane<M, K, A> = M extends 'sets' ? Pane<A> : PartialPane<K, A>

export class Aggregated<M extends 'sets' | 'columns', K, A> {
  constructor(
    private readonly draft: Draft,
    private readonly at: string,
    private readonly name: string,
  ) {}

  /** Says when windows give panes. */
  emit(options: EpochEmission): Panes<'partials', EpochPane<M, K, A>>
  emit(options: CloseEmission<'discarding'>): Panes<'partials', PartialPane<K, A>>
  emit(options: CloseEmission<'accumulating'>): Panes<'upserts', UpsertPane<K, A>>
  emit(
    options: EpochEmission | CloseEmission<'discarding'> | CloseEmission<'accumulating'>,
  ): Panes<'partials' | 'upserts', unknown> {
    const base = { kind: 'emit', name: this.name, after: this.at, columns: null } as const
    if ('every' in options) this.draft.add({ ...base, every: options.every, panes: options.panes })
    else this.draft.add({ ...base, ...closeRule(options) })
    return new Panes(this.draft, this.name)
  }
}

export class Panes<T extends 'partials' | 'upserts', Q> {
  constructor(
    private readonly draft: Draft,
    private readonly at: string,
  ) {}

  /** Ends in a sink that adds, for discarding panes, or in one that replaces, for accumulating ones. */
  write(sink: (T extends 'partials' ? PaneSink<Q> : UpsertSink<Q>) | OutputSink<T, Q>): void {
    writeStep(this.draft, this.at, sink)
  }
}

/** Adds the step of a window. @throws InvalidPlanError where a duration is none */
export function windowStep<R>(
  draft: Draft,
  place: { readonly name: string; readonly after: string; readonly columns: RowTypes },
  assign: AnyWindow<R>,
  options: WindowOptions,
): void {
  const { lateness = '0ms', was } = options
  const zone = assign.kind === 'calendar' ? assign.zone : null
  draft.add(
    {
      kind: 'window',
      ...place,
      assign: windowAssign(assign),
      lateness: lateness === 'unbounded' ? lateness : durationMs(lateness),
      code: zone === null ? null : lambdaHash(place.name, zone),
      ...formerNames(was),
    },
    zone === null ? {} : { [`${place.name}.zone`]: zone },
  )
}

function closeRule(
  rule: CloseEmission<CloseEmitStep['panes']>,
): Pick<CloseEmitStep, 'on' | 'panes' | 'early' | 'late' | 'onClose'> {
  const { early, late, onClose = 'always' } = rule
  return {
    on: 'close',
    panes: rule.panes,
    early: early === undefined ? null : 'every' in early ? { everyMs: durationMs(early.every) } : { ...early },
    late: late === undefined ? null : late === 'each' ? { afterRows: 1 } : { ...late },
    onClose,
  }
}
