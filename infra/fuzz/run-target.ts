/** Draws inputs for one target, judges them, and tells of what it finds. Equal seed and corpus: equal inputs. */
import { drawOf } from '../sim/random.ts'
import { type Finding, messageOf, signatureOf } from './finding.ts'
import { defaultMinimiseLimits, type MinimiseLimits, minimise } from './minimise.ts'
import type { FuzzTarget, OpenTarget } from './target.ts'

/** CPU seconds of this process that one input may take: more is a finding. Wall time would count other programs'. */
export const inputMaxCpuSeconds = 10
/** A target is made anew after so many inputs, for what it keeps grows with them. */
export const inputsPerOpening = 2_000
/** Signatures of one target that are minimised and kept; of further ones only the number is told. */
export const findingsPerTarget = 5

export interface TargetRun {
  readonly target: string
  readonly inputs: number
  readonly accepted: number
  readonly refused: number
  /** One of each signature, minimised. */
  readonly findings: readonly Finding[]
  /** All inputs that showed any. */
  readonly failing: number
}

export interface RunOptions {
  readonly seed: number
  readonly corpus: readonly Buffer[]
  /** Milliseconds, of any beginning. */
  readonly now: () => number
  readonly cpuSeconds: () => number
  /** Asked before each input. */
  readonly goesOn: (inputs: number) => boolean
  /** Told of each input before it is judged, for whoever watches. */
  readonly before?: (number: number, input: Buffer) => void
  readonly minimiseLimits?: MinimiseLimits
}

/** The input of that number, whatever came before it. */
export function inputOf(target: FuzzTarget, options: Pick<RunOptions, 'seed' | 'corpus'>, number: number): Buffer {
  return target.mutate(drawOf(options.seed, `${target.name} ${number}`), options.corpus)
}

export async function runTarget(target: FuzzTarget, options: RunOptions): Promise<TargetRun> {
  const verdicts = { accepted: 0, refused: 0 }
  const findings = new Map<string, Finding>()
  let failing = 0
  let inputs = 0
  let open: OpenTarget | undefined
  try {
    for (; options.goesOn(inputs); inputs++) {
      if (inputs % inputsPerOpening === 0) {
        await open?.close()
        open = undefined
      }
      open ??= await target.open()
      const input = inputOf(target, options, inputs)
      options.before?.(inputs, input)
      const error = await judged(open, input, options, verdicts)
      if (error === undefined) continue
      failing += 1
      // Whatever it left behind, the next input does not meet it.
      await open.close().catch(() => undefined)
      open = undefined
      const signature = signatureOf(error)
      if (findings.has(signature) || findings.size >= findingsPerTarget) continue
      const finding = { target: target.name, number: inputs, signature, message: messageOf(error), input }
      findings.set(signature, finding)
      const shows = async (candidate: Buffer) => signature === (await signatureOfInput(target, candidate, options))
      const least = await minimise(input, shows, options.minimiseLimits ?? defaultMinimiseLimits, options.now)
      findings.set(signature, { ...finding, input: least })
    }
  } finally {
    await open?.close().catch(() => undefined)
  }
  return { target: target.name, inputs, ...verdicts, findings: [...findings.values()], failing }
}

async function signatureOfInput(target: FuzzTarget, input: Buffer, options: RunOptions): Promise<string | undefined> {
  const open = await target.open()
  try {
    const error = await judged(open, input, options, { accepted: 0, refused: 0 })
    return error === undefined ? undefined : signatureOf(error)
  } finally {
    await open.close().catch(() => undefined)
  }
}

/** The error it ended with; undefined where all promises held. */
async function judged(
  open: OpenTarget,
  input: Buffer,
  { cpuSeconds }: Pick<RunOptions, 'cpuSeconds'>,
  verdicts: { accepted: number; refused: number },
): Promise<unknown> {
  const began = cpuSeconds()
  try {
    verdicts[await open.judge(input)] += 1
  } catch (error) {
    return error ?? new Error('nothing was thrown')
  }
  const took = cpuSeconds() - began
  return took > inputMaxCpuSeconds ? new SlowInput(`one input took ${took.toFixed(1)} s of CPU`) : undefined
}

class SlowInput extends Error {
  override get name(): string {
    return 'SlowInput'
  }
}
