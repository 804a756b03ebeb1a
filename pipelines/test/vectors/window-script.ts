/** A window operator and a script for it: rows, watermarks and processing time as values, panes as lines of text. */
import type { EventTime } from '../../../core/event-time.ts'
import type { WindowState } from '../../../schemas/avro/graph-state.ts'
import { type EmitRule, type WindowPane, wholePanes } from '../../core/panes.ts'
import type { WindowAssigner } from '../../core/window/assigner.ts'
import { createWindowOperator, type WindowOperator } from '../../core/window-operator.ts'
import type { WindowAggregate } from '../../core/window-operator-options.ts'

export interface Row {
  readonly key: string
  readonly value: number
  readonly time: number
  /** Of rows that bring a gap of their own. */
  readonly gap?: number
}

type Values = readonly number[]

/** All values of a window, rising: whatever was lost, doubled or put elsewhere shows. */
export const listed: WindowAggregate<Row, number[], string, Values> = {
  create: () => [],
  add: (state, { value }) => {
    state.push(value)
    return state
  },
  merge: (a, b) => {
    a.push(...b)
    return a
  },
  result: (state) => [...state].sort((a, b) => a - b).join(','),
  size: (state) => 8 * state.length,
  pack: (state) => [...state],
  unpack: (packed) => [...packed],
}

export const accumulating: EmitRule = { panes: 'accumulating', early: null, late: { afterRows: 1 }, onClose: 'always' }
export const discarding: EmitRule = { ...accumulating, panes: 'discarding' }

export interface ScriptOptions {
  readonly latenessMs?: number | 'unbounded'
  readonly emit?: Partial<EmitRule>
  readonly stateMaxBytes?: number
}

export class WindowScript {
  readonly panes: WindowPane<string, string>[] = []
  readonly tooLate: Row[] = []
  operator: WindowOperator<Row, Values>
  #processingTime = 0

  constructor(
    readonly assigner: WindowAssigner<Row>,
    readonly options: ScriptOptions = {},
  ) {
    this.operator = this.#make()
  }

  /** A row of the key `k`, or of another; its value is its time, or another. */
  take(time: number, value = time, key = 'k'): this {
    this.takeRow({ key, value, time })
    return this
  }

  takeRow(row: Row): void {
    this.operator.process(row, row.time as EventTime, this.#processingTime)
  }

  together(times: readonly number[]): this {
    const rows = times.map((time) => ({ row: { key: 'k', value: time, time }, time: time as EventTime }))
    this.operator.processTogether(rows, this.#processingTime)
    return this
  }

  watermark(to: number): this {
    this.operator.advanceWatermark(to)
    return this
  }

  clock(to: number): this {
    this.#processingTime = to
    this.operator.advanceProcessingTime(to)
    return this
  }

  /** The operator dies; another goes on from what it had kept, brought through JSON. */
  crash(): this {
    const state = JSON.parse(JSON.stringify(this.operator.snapshot())) as WindowState<Values>
    this.operator = this.#make()
    this.operator.restore([state], () => true)
    return this
  }

  /** Panes since the last call: `[0,10) #1 late last upsert: 1,2`, with the key in front where it is not `k`. */
  said(): readonly string[] {
    return this.panes.splice(0).map(paneText)
  }

  /** As `said`, without what only we say: number, end and kind. */
  values(): readonly string[] {
    return this.panes.splice(0).map((pane) => `${boundsText(pane)}${pane.value ?? 'gone'}`)
  }

  #make() {
    const { latenessMs = 0, emit = {}, stateMaxBytes = 1_000_000 } = this.options
    return createWindowOperator({
      step: 'windows',
      assigner: this.assigner,
      latenessMs,
      emit: { ...accumulating, ...emit },
      keyOf: ({ key }: Row) => key,
      aggregate: listed,
      limits: { stateMaxBytes },
      output: { pane: wholePanes((pane) => this.panes.push(pane)), tooLate: (row) => this.tooLate.push(row) },
    })
  }
}

function paneText(pane: WindowPane<string, string>): string {
  const { number, timing, ending, kind, value } = pane
  const facts = [`#${number}`, timing, ...(ending === 'last' && kind !== 'retract' ? ['last'] : []), kind]
  return `${boundsText(pane)}${facts.join(' ')}${kind === 'retract' ? '' : `: ${value}`}`
}

function boundsText({ key, window }: WindowPane<string, string>): string {
  return `${key === 'k' ? '' : `${key} `}[${window.start},${window.end}) `
}
