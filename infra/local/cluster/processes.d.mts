import type { ProcessIdentity } from './servers.mjs'

export declare const stopLimitMs: number
export declare const killLimitMs: number
export declare const takenAwayLimitMs: number
export declare function identify(pid: number): ProcessIdentity | undefined
export declare function isRunning(identity: ProcessIdentity | undefined): boolean
export declare function processTree(root: ProcessIdentity): ProcessIdentity[]
export declare function signalProcess(identity: ProcessIdentity, signal: NodeJS.Signals): void
export declare function endProcess(
  root: ProcessIdentity,
  signal: NodeJS.Signals,
  limits?: { readonly stopMs: number },
): Promise<void>
