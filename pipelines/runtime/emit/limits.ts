/** Limits of emissions. */

/** Hits that are read and put in order at once; of one merchant's hour all are, however many. */
export const emitGroupMaxHits = 20_000
/** Merchants that one such reading names. */
export const emitGroupMaxMerchants = 500
/** Hits that are handed over at once, with one mark of how far it came: what is done again after a stop, at most. */
export const emitChunkMaxHits = 2_000
/** Hits a second where nothing is said: a fraction of what a machine reads, for live traffic goes before. */
export const emitDefaultHitsPerSecond = 5_000
/** That may be asked for. */
export const emitMaxHitsPerSecond = 10_000_000
/** Hits of one record of a history topic. */
export const historyBatchMaxHits = 500
/** Bytes of one such record: then it is closed; the hit that exceeds it is the last. Far below what a topic takes. */
export const historyBatchMaxBytes = 1_048_576
/** Snapshots of an emission are pinned so long from its start, and from each time it is gone on with. */
export const emitPinDays = 14
/** Tries of one send to a topic in a row, and the pause before each again. */
export const emitSendTriesMax = 30
export const emitSendPauseMs = 1_000
/** Bytes of one send, about; a record is never cut. */
export const emitSendMaxBytes = 4 * 1_048_576
/**
 * Generations that jobs over history topics write begin here: numbers below are given to reruns, one after the other, and
 * what no rerun uses any more of these is removed.
 */
export const historyGenerationMin = 1_000_000
/** Hits of one epoch of such a job, about: a record is taken whole. */
export const historyEpochMaxHits = 20_000
/** Bytes that are asked of the feed at once. */
export const historyReadMaxBytes = 4 * 1_048_576
/** A feed that gives nothing for so long, though it says that there is more, is given up for now. */
export const historyStallMs = 120_000
/** Of one wait for records. */
export const historyWaitMs = 2_000
