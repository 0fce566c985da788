export declare const nodeFlags: readonly string[];
export declare function requireNode(): void;
