/** What `hitlake rerun` prints, for a person. */
import type { RerunVerb } from '../../gateway/core/rerun-requests.ts'
import type { EstimateView, RerunSummary, RerunView } from '../../gateway/core/rerun-view.ts'
import { bytesText } from '../lake/lake-text.ts'

const counted = (count: number, what: string) => `${count.toLocaleString('en')} ${what}${count === 1 ? '' : 's'}`

export function planLines(plan: EstimateView): readonly string[] {
  const { splits, rows, bytes, buckets, places, firstDay, lastDay, methods, methodReasons } = plan
  const days = firstDay === null ? 'no days with hits' : firstDay === lastDay ? firstDay : `${firstDay} to ${lastDay}`
  const { live, rerun } = plan.plan
  return [
    `generation ${plan.generation}, beside what answers now`,
    `reads    snapshot ${plan.snapshot} of hits (publications up to ${plan.publish}), then what came since`,
    `         ${days}${places > 1 ? `, ${counted(places, 'place')}` : ''}: ${counted(rows, 'row')}, ${bytesText(bytes)}, in ${counted(splits, 'split')}`,
    `changes  at most about ${counted(buckets, 'hour')} of merchants`,
    ...Object.entries(methods).map(([sink, method]) => {
      const reason = methodReasons[sink as keyof typeof methodReasons]
      return `makes    ${sink} by ${method}${reason === undefined ? '' : `: ${reason}`}`
    }),
    `plan     ${rerun}, in place of ${live ?? 'none recorded yet'}${live === rerun ? ' (the same)' : ''}`,
    `data     data sets ${plan.dataSets === 'recorded' ? 'as they were' : 'of today'}, time zones ${plan.zones === 'recorded' ? 'as they were' : 'of today'}`,
    `costs    ${plan.goesOnCosting}`,
  ]
}

export function titleOf({ id, pipeline, generation, state, rests }: RerunSummary): string {
  return `Rerun ${id} of ${pipeline}, generation ${generation}: ${stateText(state)}${rests === null ? '' : `, at rest in ${stateText(rests)}`}`
}

export const stateText = (state: string) => state.replaceAll('_', ' ')

export function daysText({ firstDay, lastDay }: Pick<RerunSummary, 'firstDay' | 'lastDay'>): string {
  if (firstDay === null) return lastDay === null ? 'all days' : `until ${lastDay}`
  if (lastDay === null) return `from ${firstDay}`
  return firstDay === lastDay ? firstDay : `${firstDay} to ${lastDay}`
}

/** All there is to say of one, but its difference. */
export function rerunLines(rerun: RerunView): readonly string[] {
  const { request, sinks, snapshot, by, progress, outcome, trouble, waits, writing, bothForDays } = rerun
  const places = request.placesInAll
  const whose = rerun.merchant ?? (places === 1 ? 'all merchants' : `${places} places`)
  const recovers = request.recovers === null ? '' : `, to recover hits refused${reasonText(request.recovers)}`
  return [
    titleOf(rerun),
    `  ${sinks.join(' and ')} of ${whose}, ${daysText(rerun)}${recovers}; from snapshot ${snapshot}; asked for by ${by}`,
    ...(progress === null ? [] : [`  ${progressText(progress)}`]),
    ...(waits === null ? [] : [`  waits: ${waits}`]),
    ...(trouble === null
      ? []
      : [`  trouble since ${trouble.since}, tried ${trouble.tries} times: ${trouble.code}: ${trouble.says}`]),
    ...(outcome === null ? [] : [`  ${outcomeText(outcome)}`]),
    ...(writing.length > 1
      ? [`  hits are processed by ${writing.length} plans now: ${writing.map(writtenText).join('; ')}`]
      : []),
    ...(rerun.plan === null || writing.length < 2 ? [] : [`  costs: ${rerun.plan.goesOnCosting}`]),
    ...(bothForDays === null
      ? []
      : [
          `  both plans have run for ${bothForDays} days; release or ${rerun.state === 'promoted' ? 'roll back' : 'cancel'} it, or go on paying for both`,
        ]),
    '  history:',
    ...rerun.events.map(
      ({ at, state, by, note }) => `    ${at}  ${stateText(state)}, by ${by}${note === null ? '' : `: ${note}`}`,
    ),
  ]
}

function progressText({ phase, splits, rows, rowsPerSecond, secondsLeft }: NonNullable<RerunView['progress']>): string {
  const done = `${phase}: ${splits.done} of ${counted(splits.of, 'split')}, ${rows.done.toLocaleString('en')} of about ${counted(rows.of, 'row')}`
  if (rowsPerSecond === null || splits.done === splits.of) return done
  const left = secondsLeft === null ? '' : `, about ${secondsLeft.toLocaleString('en')} s left`
  return `${done}, ${Math.round(rowsPerSecond).toLocaleString('en')} rows/s${left}`
}

function outcomeText({
  splits,
  splitsDone,
  rowsRead,
  stored,
  failed,
  dropped,
}: NonNullable<RerunView['outcome']>): string {
  const by = (counts: Readonly<Record<string, number>>) =>
    Object.entries(counts)
      .map(([name, count]) => `${count.toLocaleString('en')} ${name}`)
      .join(', ')
  const refused = Object.keys(failed).length === 0 ? '' : `, refused ${by(failed)}`
  const left = Object.keys(dropped).length === 0 ? '' : `, dropped ${by(dropped)}`
  const of = splits < splitsDone ? `, as far as is known of ${splits} of ${counted(splitsDone, 'split')}` : ''
  return `${counted(rowsRead, 'hit')} read, ${stored.toLocaleString('en')} stored${refused}${left}${of}`
}

const reasonText = (reason: string) => (reason === '' ? '' : ` as ${reason}`)
const writtenText = ({ generation, sinks, plan }: RerunView['writing'][number]) =>
  `generation ${generation} (${sinks.join(', ')}) by ${plan ?? "the release's"}`

const verbHelp: Readonly<Record<RerunVerb, string>> = {
  promote: 'let it answer',
  rollback: 'let what was before answer again',
  release: 'keep it for good; what it replaces goes',
  pause: 'let it rest',
  resume: 'go on',
  cancel: 'give it up',
}

/** The commands that may follow. */
export function nextLines({ id, possible, state, diff }: RerunView): readonly string[] {
  const commands = [
    ...(diff !== null && state === 'ready' ? [[`hitlake rerun diff ${id}`, 'the numbers again']] : []),
    ...possible.map((verb) => [`hitlake rerun ${verb} ${id}`, verbHelp[verb]]),
  ]
  if (commands.length === 0) return []
  const width = Math.max(...commands.map(([command]) => command?.length ?? 0))
  return ['Next:', ...commands.map(([command = '', says]) => `  ${command.padEnd(width)}  ${says}`)]
}
