export declare const k6Version: string
export declare const k6InstallLimitMs: number
/** Installs k6 where it is missing and resolves with the path of its binary; see `install.mjs`. */
export declare function installK6(options?: { readonly cache?: string }): Promise<string>
