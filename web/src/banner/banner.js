// The warm-up banner (contract §7.2).
export function startBanner() {}
