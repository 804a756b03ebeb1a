/** A plan in words, one step a line, branches indented: what `hitlake explain` prints. */

import type { AggregateNode, Literal } from '../core/pane.ts'
import { durationText } from './duration.ts'
import type { Plan, PlanStep } from './node/step.ts'

/** The text of a plan; ends with a line feed. */
export function explainPlan(plan: Plan): string {
  const lines = [`pipeline ${plan.name}`]
  const walk = (after: string | null, depth: number): void => {
    const next = plan.steps.filter((step) => step.after === after)
    for (const [index, step] of next.entries()) {
      // The last continuation stays on its column, so that the main path reads straight down.
      const indent = index < next.length - 1 ? depth + 1 : depth
      lines.push(`${'  '.repeat(indent)}${describe(step)}`)
      const branches = step.kind === 'split' ? step.to : []
      for (const branch of branches) {
        lines.push(`${'  '.repeat(indent + 1)}${branch}:`)
        walk(`${step.name}.${branch}`, indent + 2)
      }
      walk(step.name, indent)
    }
  }
  walk(null, 1)
  for (const [job, sinks] of Object.entries(plan.jobs)) lines.push(`job ${job}: ${sinks.join(', ')}`)
  return `${lines.join('\n')}\n`
}

function describe(step: PlanStep): string {
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
      return `${step.name}: ${step.kind}${using(step.uses)}`
    case 'split':
      return `${step.name}: split into ${step.to.join(' | ')}${using(step.uses)}`
    case 'window':
      return `${step.name}: window of a calendar ${step.assign.unit} in each row's zone, lateness ${step.lateness}`
    case 'group':
      return `${step.name}: group by ${Object.entries(step.sets)
        .map(([set, columns]) => `${set}(${columns.join(', ')})`)
        .join(', ')}`
    case 'groupBy':
      return `${step.name}: group by ${step.by.join(', ')}`
    case 'sessionWindow': {
      const { gapMs, named, atMostMs } = step.assign
      return `${step.name}: window up to a pause of ${durationText(gapMs)}, of ${durationText(named.gapMs)} where '${named.column}' is named; at most ${durationText(atMostMs)}`
    }
    case 'derive':
      return `derive ${Object.entries(step.derived)
        .map(([name, of]) => `${name} = ${'is' in of ? isText(of) : `${of.column} - ${of.less}`}`)
        .join(', ')}`
    case 'aggregate':
      return `aggregate ${Object.entries(step.aggregates)
        .map(([name, node]) => `${name} = ${aggregateText(node)}`)
        .join(', ')}`
    case 'emit':
      return `emit every ${step.every}, ${step.panes} panes`
    case 'write':
      return `write ${step.table} (${step.counts})`
  }
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

function isText({ column, is }: { readonly column: string; readonly is: Literal }): string {
  return `${column} is ${JSON.stringify(is)}`
}

function using(names: readonly string[]): string {
  return names.length === 0 ? '' : `, uses ${names.join(', ')}`
}
