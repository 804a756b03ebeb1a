/** The most of these intervals (both ends included) that hold one value. */
export function mostOverlapping(intervals: readonly (readonly [from: number, through: number])[]): number {
  const ends = intervals.flatMap(([from, through]) => [
    { at: from, step: 1 },
    { at: through, step: -1 },
  ])
  // What begins at a value is counted before what ends there.
  ends.sort((a, b) => a.at - b.at || b.step - a.step)
  let open = 0
  let most = 0
  for (const { step } of ends) {
    open += step
    most = Math.max(most, open)
  }
  return most
}
