/** Rules for one step that both plans have: what of it changed, and what follows. docs/reference/pipelines.md lists them. */
import type { AggregateNode } from '../../core/pane.ts'
import { canonicalJson } from '../canonical.ts'
import { describeStep, windowText } from '../describe.ts'
import { durationText } from '../duration.ts'
import type { EmitStep, PlanStep, WindowStep } from '../node/step.ts'
import type { Finding, Verdict } from './finding.ts'

type Found = Omit<Finding, 'step'>
/** Whether the older step's windows are remembered between epochs. */
export type Memory = 'kept' | 'none'

/** Differences of two steps of one kind. */
export function compareSteps(a: PlanStep, b: PlanStep, memory: Memory): readonly Found[] {
  if (a.kind !== b.kind) {
    const stateful = memory === 'kept' || a.kind === 'dedupe'
    const verdict = stateful ? 'breaking' : 'rebuild needed'
    return [found(`${a.kind} became ${b.kind}`, verdict, stateful ? lostState : oldRows)]
  }
  const findings = changed(a, b, memory)
  const declared = differ(a.columns, b.columns) && findings.length === 0 && a.kind === 'read'
  return declared ? [found('columns of the feed', 'redeploy', 'rows have other columns from now on')] : findings
}

const oldRows = 'rows written before were made otherwise'
const lostState = 'what the step remembers cannot be read as what it would remember'

function changed(a: PlanStep, b: PlanStep, memory: Memory): readonly Found[] {
  switch (b.kind) {
    case 'read':
      return a.kind === b.kind ? readRules(a, b) : []
    case 'dedupe':
      return a.kind === b.kind ? dedupeRules(a, b) : []
    case 'map':
    case 'filter':
    case 'flatMap':
    case 'split':
      return [
        ...when(part(a, 'code') !== b.code, 'code', 'rebuild needed', oldRows),
        ...when(differ(part(a, 'uses'), b.uses), 'uses', 'rebuild needed', oldRows),
        ...when(b.kind === 'split' && differ(part(a, 'to'), b.to), 'branches', 'rebuild needed', oldRows),
      ]
    case 'validate':
      return when(
        differ([part(a, 'vendor'), part(a, 'version')], [b.vendor, b.version]),
        'schema',
        'rebuild needed',
        oldRows,
      )
    case 'window':
      return a.kind === b.kind ? windowRules(a, b, memory) : []
    case 'group':
      return a.kind === b.kind ? setRules(a.sets, b.sets, memory) : []
    case 'groupBy':
      return when(differ(part(a, 'by'), b.by), 'columns it groups by', ...keyVerdict(memory))
    case 'aggregate':
      return a.kind === b.kind ? aggregateRules(a.aggregates, b.aggregates, memory) : []
    case 'emit':
      return a.kind === b.kind ? emitRules(a, b) : []
    case 'write':
      return [
        ...when(
          part(a, 'counts') !== b.counts,
          'column of the books',
          'breaking',
          'hits counted before would stand in the wrong column',
        ),
        ...when(
          part(a, 'takes') !== b.takes,
          'what it does with panes',
          'breaking',
          'rows that add and rows that replace do not go together in a table',
        ),
        ...when(part(a, 'code') !== b.code, 'mapping', 'rebuild needed', oldRows),
        ...when(differ(a.columns, b.columns), 'columns of the table', 'rebuild needed', oldRows),
      ]
    case 'collect':
      return when(part(a, 'takes') !== b.takes, 'what it takes', 'breaking', 'who takes it expects something else')
    case 'union':
      // Which outputs it joins is where it stands.
      return []
    default:
      return when(differ(bare(a), bare(b)), `now: ${describeStep(b)}`, 'rebuild needed', oldRows)
  }
}

function readRules(a: PlanStep & { kind: 'read' }, b: PlanStep & { kind: 'read' }): readonly Found[] {
  const later = 'it decides when panes come and what is too late from now on, not what sinks that add have counted'
  return [
    ...when(a.partitionKey !== b.partitionKey, 'partition key', 'breaking', 'state lies in partitions by the old one'),
    ...when(
      a.code.eventTime !== b.code.eventTime,
      'event time',
      'rebuild needed',
      'rows written before lie in windows of the old times',
    ),
    ...when(a.code.watermarkFrom !== b.code.watermarkFrom, 'what the watermark follows', 'redeploy', later),
    ...when(a.watermarkDelayMs !== b.watermarkDelayMs, 'delay of the watermark', 'redeploy', later),
  ]
}

function dedupeRules(a: PlanStep & { kind: 'dedupe' }, b: PlanStep & { kind: 'dedupe' }): readonly Found[] {
  const longer = `keys older than ${durationText(a.withinMs)} are forgotten already; it is complete ${durationText(b.withinMs)} from now`
  return [
    ...when(differ(a.key, b.key), 'key', 'breaking', lostState),
    ...when(b.withinMs > a.withinMs, 'longer time', 'redeploy', longer),
    ...when(b.withinMs < a.withinMs, 'shorter time', 'redeploy', 'repeats after it count from now on'),
  ]
}

function windowRules(a: WindowStep, b: WindowStep, memory: Memory): readonly Found[] {
  const open = memory === 'kept' ? '; what is open is dropped, and comes back by the rebuild' : ''
  const [was, is] = [latenessMs(a), latenessMs(b)]
  return [
    ...when(
      differ(a.assign, b.assign),
      `window of ${windowText(b.assign)}, of ${windowText(a.assign)} before`,
      'rebuild needed',
      `rows written before lie in other windows${open}`,
    ),
    ...when(
      a.assign.kind === b.assign.kind && a.code !== b.code,
      'code of the zone',
      'rebuild needed',
      `rows written before lie in other windows${open}`,
    ),
    ...when(is > was, 'longer lateness', 'redeploy', 'windows that are gone already stay gone'),
    ...when(
      is < was,
      'shorter lateness',
      'redeploy',
      'windows older than it close for good at once; their late rows are too late',
    ),
  ]
}

function latenessMs({ lateness }: WindowStep): number {
  return lateness === 'unbounded' ? Number.POSITIVE_INFINITY : lateness
}

type Sets = Readonly<Record<string, readonly string[]>>

function setRules(a: Sets, b: Sets, memory: Memory): readonly Found[] {
  return [
    ...Object.keys(b).flatMap((set) => {
      if (!Object.hasOwn(a, set)) return [found(`set '${set}' is new`, 'rebuild needed', 'the past has no rows of it')]
      return when(differ(a[set], b[set]), `columns of set '${set}'`, ...keyVerdict(memory))
    }),
    ...Object.keys(a)
      .filter((set) => !Object.hasOwn(b, set))
      .map((set) => found(`set '${set}' is gone`, 'redeploy', 'its rows of the past stay as they are')),
  ]
}

function keyVerdict(memory: Memory): readonly [Verdict, string] {
  return memory === 'kept' ? ['breaking', lostState] : ['rebuild needed', oldRows]
}

type Aggregates = Readonly<Record<string, AggregateNode>>

function aggregateRules(a: Aggregates, b: Aggregates, memory: Memory): readonly Found[] {
  return [
    ...Object.entries(b).flatMap(([name, node]) => {
      const old = Object.hasOwn(a, name) ? a[name] : undefined
      if (old === undefined)
        return [found(`aggregate '${name}' is new`, 'rebuild needed', 'rows of the past have no value of it')]
      if (!differ(old, node)) return []
      if (shrinks(old, node)) {
        return [
          found(
            `smaller sketch of '${name}'`,
            'redeploy',
            'a larger sketch goes on as a smaller one; numbers are less exact',
          ),
        ]
      }
      return [found(`aggregate '${name}'`, ...keyVerdict(memory))]
    }),
    ...Object.keys(a)
      .filter((name) => !Object.hasOwn(b, name))
      .map((name) => found(`aggregate '${name}' is gone`, 'redeploy', 'its values of the past stay as they are')),
  ]
}

function shrinks(a: AggregateNode, b: AggregateNode): boolean {
  if (a.kind !== 'countDistinct' || b.kind !== 'countDistinct') return false
  return a.column === b.column && b.k <= a.k && b.ofValues <= a.ofValues
}

function emitRules(a: EmitStep, b: EmitStep): readonly Found[] {
  if (a.panes !== b.panes) {
    return [found('kind of panes', 'breaking', 'panes that add and panes that replace do not go together in a sink')]
  }
  if ('on' in a && !('on' in b)) {
    return [found('emits every epoch, on close before', 'breaking', 'what open windows remember would be lost')]
  }
  if (!('on' in a) && 'on' in b) {
    return [
      found(
        'emits on close, every epoch before',
        'redeploy',
        'windows remember from now on; parts written before still add',
      ),
    ]
  }
  return when(differ(bare(a), bare(b)), 'when panes come', 'redeploy', 'what they hold in the end is the same')
}

/** A step without what is compared elsewhere. */
function bare(step: PlanStep): object {
  const { name: _, after: __, was: ___, columns: ____, ...rest } = step
  return rest
}

function part(step: PlanStep, name: string): unknown {
  return Object.entries(step).find(([key]) => key === name)?.[1]
}

function differ(a: unknown, b: unknown): boolean {
  return canonicalJson(a ?? null) !== canonicalJson(b ?? null)
}

function found(what: string, verdict: Verdict, reason: string): Found {
  return { what, verdict, reason }
}

function when(differs: boolean, what: string, verdict: Verdict, reason: string): readonly Found[] {
  return differs ? [found(what, verdict, reason)] : []
}
