/**
 * Numbers of the Avro type long that are held as JavaScript numbers (times, counts) are smaller than this either way: twice
 * the value, as zigzag has it, must be exact. As milliseconds it is the year 144,683. Money is held as bigint and has all
 * 64 bits.
 */
export const longLimit = 2 ** 52
