/** Each kind of step in words. */
import type { AggregateNode, Literal } from '../core/pane.ts'
import { durationText } from './duration.ts'
import type { DerivedColumn, EmitStep, PlanStep, TableWindowAssign, WindowAssign } from './node/step.ts'

/** One line, without the names of the steps before and behind. */
export function describeStep(step: PlanStep): string {
  switch (step.kind) {
    case 'read':
      return `read ${step.feed}, partitioned by ${step.partitionKey}, watermark ${durationText(step.watermarkDelayMs)} behind`
    case 'readTable':
      return `read table ${step.table}, in order of ${[step.eventTime, ...step.position].join(', ')}; runs bounded`
    case 'where':
      return `${step.name}: where ${isText(step.where)}`
    case 'dedupe':
      return `${step.name}: first of each (${step.key.join(', ')}) within ${durationText(step.withinMs)}`
    case 'map':
    case 'filter':
    case 'flatMap':
      return `${step.name}: ${step.kind}${using(step.uses)}`
    case 'split':
      return `${step.name}: split into ${step.to.join(' | ')}${using(step.uses)}`
    case 'validate':
      return `${step.name}: validate by ${step.vendor}, version ${step.version}, into ${step.to.join(' | ')}`
    case 'union':
      return `${step.name}: union of ${[step.after, ...step.also].join(', ')}`
    case 'window':
      return `${step.name}: window of ${windowText(step.assign)}, lateness ${latenessText(step.lateness)}`
    case 'group':
      return `${step.name}: group by ${Object.entries(step.sets)
        .map(([set, columns]) => `${set}(${columns.join(', ')})`)
        .join(', ')}`
    case 'groupBy':
      return `${step.name}: group by ${step.by.join(', ')}`
    case 'sessionWindow': {
      const { gapMs, named, atMostMs } = step.assign
      const ofNamed = named === undefined ? '' : `, of ${durationText(named.gapMs)} where '${named.column}' is named`
      return `${step.name}: window up to a pause of ${durationText(gapMs)}${ofNamed}; at most ${durationText(atMostMs)}`
    }
    case 'tableWindow': {
      const { assign } = step
      const zone = assign.kind === 'calendar' ? `, by column ${assign.zone}` : ''
      return `${step.name}: window of ${windowText(assign)}${zone}`
    }
    case 'derive':
      return `derive ${Object.entries(step.derived)
        .map(([name, of]) => `${name} = ${derivedText(of)}`)
        .join(', ')}`
    case 'aggregate':
      return `aggregate ${Object.entries(step.aggregates)
        .map(([name, node]) => `${name} = ${aggregateText(node)}`)
        .join(', ')}`
    case 'emit':
      return `emit ${emitText(step)}, ${step.panes} panes`
    case 'write':
      return `write ${step.table} (${step.counts}${step.takes === 'upserts' ? ', replaced by key and window' : ''})`
    case 'collect':
      return `hand out ${step.takes} as ${step.output}`
  }
}

/** `a calendar hour in each row's zone`, `10m, beginning every 1m`. */
export function windowText(assign: WindowAssign | TableWindowAssign): string {
  switch (assign.kind) {
    case 'fixed':
      return `${durationText(assign.sizeMs)}${offsetText(assign.offsetMs)}`
    case 'hopping':
      return `${durationText(assign.sizeMs)}, one every ${durationText(assign.everyMs)}${offsetText(assign.offsetMs)}`
    case 'session':
      return `rows up to a pause of ${durationText(assign.gapMs)}, at most ${durationText(assign.atMostMs)}`
    case 'calendar': {
      const from = assign.weekStart === undefined ? '' : ` from ${assign.weekStart}`
      return `a calendar ${assign.unit}${from} in each row's zone`
    }
  }
}

function offsetText(offsetMs: number): string {
  return offsetMs === 0 ? '' : `, moved by ${durationText(offsetMs)}`
}

function latenessText(lateness: 'unbounded' | number): string {
  if (lateness === 'unbounded') return lateness
  return lateness === 0 ? 'none' : durationText(lateness)
}

function emitText(step: EmitStep): string {
  if (!('on' in step)) return `every ${step.every}`
  const { early, late, onClose } = step
  const parts = [`on close${onClose === 'always' ? '' : ' where something came'}`]
  if (early !== null) {
    parts.push(
      'everyMs' in early ? `early every ${durationText(early.everyMs)}` : `early ${afterText(early.afterRows)}`,
    )
  }
  if (late !== null) parts.push(`late ${afterText(late.afterRows)}`)
  return parts.join(', ')
}

function afterText(rows: number): string {
  return rows === 1 ? 'for each row' : `after ${rows} rows`
}

function aggregateText(node: AggregateNode): string {
  switch (node.kind) {
    case 'count':
      return 'count()'
    case 'countIf':
      return node.is === undefined
        ? `countIf(${node.column})`
        : `countIf(${isText({ column: node.column, is: node.is })})`
    case 'countDistinct':
      return `countDistinct(${node.column}, k ${node.k}${node.ofValues === node.k ? '' : `, of values ${node.ofValues}`})`
    case 'top':
      return `top(${node.column}, by ${node.weight})`
    default:
      return `${node.kind}(${node.column})`
  }
}

function derivedText(of: DerivedColumn): string {
  if ('window' in of) return `${of.window} of the window`
  if ('is' in of) return isText(of)
  return 'hash' in of ? `hash of ${of.column}` : `${of.column} - ${of.less}`
}

function isText({ column, is }: { readonly column: string; readonly is: Literal }): string {
  return `${column} is ${JSON.stringify(is)}`
}

function using(names: readonly string[]): string {
  return names.length === 0 ? '' : `, uses ${names.join(', ')}`
}
