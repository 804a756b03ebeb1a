/** What has to hold on a machine of its own; `slack` makes the times longer. */
export const limits = {
  errorShare: 0.001,
  ackP99Ms: 250,
  /** Design: accept to visible p99 5 s embedded. */
  asOfLagP99Ms: 5_000,
  readP99Ms: 250,
  /** Iterations that k6 could not begin in time: more, and it was not this load. */
  droppedShare: 0.01,
}
