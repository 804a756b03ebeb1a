/**
 * The page docs/reference/performance.md, made of the records in `bench/results/` and the list of goals. Nothing is on the
 * page that is not in one of them, so a figure can only be changed by measuring again.
 */
import { type Goal, goalOf, goals, measurementsOf, meetsGoal } from './goals.ts'
import { heldByTests } from './held.ts'
import type { Figure, FigureGoal, Machine, MeasurementRecord } from './record.ts'
import { shortened } from './runner.ts'
import { suites } from './suites.ts'

/** The whole page; a test holds the file equal to it. */
export function performancePage(records: readonly MeasurementRecord[]): string {
  const sorted = [...records].sort((a, b) => placeOf(a) - placeOf(b) || (a.suite < b.suite ? -1 : 1))
  const wanted = [...goals, ...ownGoals(sorted)].sort((a, b) => (a.issue ?? 99) - (b.issue ?? 99))
  return `# Measured performance

<!-- Made from bench/results/*.json and bench/goals.ts by \`node infra/build/write-performance.mjs\`; a test compares. -->

Every figure was measured by a command that is named beside it, and every ratio against a control in the same run. [How to measure](../how-to/measure.md) says how to repeat one, what counts as noise, and what not to conclude. Absolute figures of shared machines mean little; ratios mean more.

## Goals

${summaryOf(wanted, sorted)}

| issue | goal | wanted | measured | spread | | measured by |
|---|---|---|---|---|---|---|
${wanted.flatMap((goal) => goalRows(goal, sorted)).join('\n')}

Goals that are no figures have a test each; whether they pass is for \`npm test\` and its longer suites to say:

| issue | goal | test |
|---|---|---|
${heldByTests.map(({ issue, name, test }) => `| ${issue} | ${name} | \`${test}\` |`).join('\n')}

${sorted.map(sectionOf).join('\n\n')}
`
}

function placeOf({ suite }: MeasurementRecord): number {
  // A record that is named after a suite of the command, `lake-month-thirty-days`, stands behind it.
  const names = suites.map(({ name }) => name)
  const exact = names.indexOf(suite)
  if (exact >= 0) return exact
  const longest = names.filter((name) => suite.startsWith(`${name}-`)).sort((a, b) => b.length - a.length)[0]
  return longest === undefined ? names.length : names.indexOf(longest) + 0.5
}

/** What figures say is wanted of them and the list does not know: of suites that are not of this folder. */
function ownGoals(records: readonly MeasurementRecord[]): readonly Goal[] {
  return records.flatMap(({ suite, figures }) =>
    figures.flatMap((figure) => {
      const found = goalOf(suite, figure)
      return found === undefined || goals.includes(found) ? [] : [{ ...found, unit: figure.unit }]
    }),
  )
}

function summaryOf(wanted: readonly Goal[], records: readonly MeasurementRecord[]): string {
  const verdicts = wanted.map((goal) => {
    const [first] = measurementsOf(goal, records)
    return first === undefined ? null : meetsGoal({ value: first.figure.value, goal })
  })
  const count = (of: boolean | null) => verdicts.filter((verdict) => verdict === of).length
  return `Of ${verdicts.length} goals that are figures ${count(true)} are met, ${count(false)} missed and ${count(null)} not measured. Where one has been measured more than once, the first row decides. “Not certain”: the goal lies within the spread of the rounds.`
}

function goalRows(goal: Goal, records: readonly MeasurementRecord[]): readonly string[] {
  const issue = goal.issue ?? 'own'
  const found = measurementsOf(goal, records)
  if (found.length === 0) return [`| ${issue} | ${goal.name} | ${wantedText(goal)} | | | **not measured** | |`]
  return found.map(({ record, figure }, n) => {
    const of = n === 0 ? `${issue} | ${goal.name}` : ' | also'
    const where = `[${record.suite}](#${anchorOf(record)})`
    return `| ${of} | ${wantedText(goal)} | ${valueText(figure)} | ${spreadText(figure)} | ${verdict(figure, goal, record)} | ${where} |`
  })
}

function verdict(figure: Figure, goal: FigureGoal, { quick }: Pick<MeasurementRecord, 'quick'>): string {
  const isMet = (value: number) => meetsGoal({ value, goal }) === true
  const isCertain = figure.spread === undefined || isMet(figure.spread[0]) === isMet(figure.spread[1])
  return `${isMet(figure.value) ? 'met' : '**missed**'}${isCertain ? '' : ', not certain'}${quick ? ', in a quick run' : ''}`
}

function sectionOf(record: MeasurementRecord): string {
  const { suite, command, figures, remarks = [], quick } = record
  const rows = figures.map((figure) => {
    const goal = goalOf(suite, figure)
    const wanted = goal === undefined ? '' : `${wantedText(goal)}: ${verdict(figure, goal, record)}`
    return `| ${figure.name} | ${valueText(figure)} | ${spreadText(figure)} | ${wanted} | ${besideText(figure)} |`
  })
  const circumstances = [
    `\`${command}\``,
    record.date.replace(/T(\d\d:\d\d).*/, ' $1 UTC'),
    `commit ${commitText(record.commit)}`,
    record.loadBefore === null ? 'load not written down' : `load average ${record.loadBefore} before`,
    machineText(record.machine),
    ...(quick ? ['**a quick run**'] : []),
  ]
  const head = `## ${titleOf(record)}\n\n${circumstances.join('; ')}.`
  const table = `| | measured | spread | wanted | beside it |\n|---|---|---|---|---|\n${rows.join('\n')}`
  return [head, table, ...remarks].join('\n\n')
}

const titleOf = ({ title, suite }: MeasurementRecord) => `${title} (${suite})`

/** As the sites that show Markdown make them. */
const anchorOf = (record: MeasurementRecord) =>
  titleOf(record)
    .toLowerCase()
    .replace(/[^\p{L}\p{N} _-]/gu, '')
    .replaceAll(' ', '-')

function wantedText({ at, value, unit }: FigureGoal & { readonly unit: string }): string {
  return `at ${at} ${numberText(value)}${unitText(unit)}`
}

function valueText({ value, unit }: Figure): string {
  return `${numberText(value)}${unitText(unit)}`
}

const unitText = (unit: string) => (unit === 'ratio' || unit === '' ? '' : ` ${unit}`)

function spreadText({ spread }: Figure): string {
  return spread === undefined ? '' : spread.map(numberText).join('–')
}

function besideText({ control, rates, note }: Figure): string {
  const both = rates && `${shortened(rates.ours)} against ${shortened(rates.control)} ${rates.unit}`
  return [control, both, note].filter((text) => text !== undefined).join('; ')
}

function commitText(commit: string): string {
  const [, sha, dirty] = /^([0-9a-f]{7})[0-9a-f]*(-dirty)?$/.exec(commit) ?? []
  if (sha === undefined) return commit
  return `\`${sha}\`${dirty === undefined ? '' : ', files changed'}`
}

function machineText({ cpu, cores, memoryGiB, node, os }: Machine): string {
  return `${cores} cores of ${cpu}, ${memoryGiB} GiB, Node ${node}, ${os}`
}

function numberText(value: number): string {
  return value.toLocaleString('en', { maximumFractionDigits: Math.abs(value) < 1_000 ? 3 : 1 })
}
