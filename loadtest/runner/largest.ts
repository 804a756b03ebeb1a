/** The largest factor that a machine bears, found by short trials. */

/** Factors tried, in this order, until one is not borne. */
export const ladder = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1, 1.25, 1.5, 1.75, 2, 2.5, 3, 3.5, 4] as const
export const trialSeconds = 20

export interface Trial {
  readonly factor: number
  readonly holds: boolean
}

/**
 * Climbs the ladder to the first factor that is not borne twice: one slow moment of a shared machine is not its limit.
 * @param begin the first rung to try; those below are taken to hold
 * @returns all trials in their order, and the largest that held; undefined where none did
 */
export async function findLargest(
  holds: (factor: number) => Promise<boolean>,
  begin: number = ladder[0],
): Promise<{ readonly largest: number | undefined; readonly trials: readonly Trial[] }> {
  const trials: Trial[] = []
  let largest: number | undefined
  for (const factor of ladder) {
    if (factor < begin) continue
    for (let attempt = 0; attempt < 2 && largest !== factor; attempt++) {
      const trial = { factor, holds: await holds(factor) }
      trials.push(trial)
      if (trial.holds) largest = factor
    }
    if (largest !== factor) break
  }
  return { largest, trials }
}

/** The rung below, for where the long run does not hold what the short one did; undefined below the first. */
export function rungBelow(factor: number): number | undefined {
  return ladder.filter((rung) => rung < factor).at(-1)
}
