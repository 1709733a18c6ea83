/** Content policies. Helmet sets the strict one on every answer; a page loosens it for itself. */
export const strictPolicy = "default-src 'none'; frame-ancestors 'none'";

/** For pages whose scripts and styles are files of ours. Their libraries write style attributes. */
export const applicationPolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "font-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'self'",
  "form-action 'self'",
  "frame-ancestors 'none'",
].join('; ');
