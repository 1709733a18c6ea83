/**
 * Who may use a route. `open`: everybody. `own`: every user; it knows no ids, and shows or changes only what is the
 * user's. `owned`: what the id names is for its owner and admins; for others it does not exist. `admin`: 403 for
 * others. `board`: an admin's, and only to read. `signed`: for whoever has the secret; no credential opens it.
 */
export type RouteRule = 'open' | 'own' | 'owned' | 'admin' | 'board' | 'signed';

/** Every route of the API. The tests of the router fail for one that is missing here. */
const rules: Record<string, RouteRule> = {
  'GET /': 'open',
  'GET /health/live': 'open',
  'GET /health/ready': 'open',
  'GET /admin/login': 'open',
  'POST /admin/login': 'open',
  'POST /admin/logout': 'own',
  'GET /account': 'open',
  'POST /api/v1/users/register': 'open',
  'POST /api/v1/users/verify': 'open',
  'POST /api/v1/users/password/forgot': 'open',
  'POST /api/v1/users/password/reset': 'open',
  'POST /api/v1/auth/login': 'open',
  'POST /api/v1/auth/refresh': 'open',
  'POST /api/v1/auth/logout': 'open',
  'GET /api/v1/users/me': 'own',
  'POST /api/v1/users/me/password': 'own',
  'GET /api/v1/users/me/mail-preferences': 'own',
  'PATCH /api/v1/users/me/mail-preferences': 'own',
  'GET /api/v1/mail/unsubscribe': 'open',
  'POST /api/v1/mail/unsubscribe': 'open',
  'DELETE /api/v1/users/me': 'own',
  'POST /api/v1/generate-image': 'own',
  'POST /api/v1/generate-image/quote': 'own',
  'GET /api/v1/generation-status/:task_id': 'owned',
  'GET /api/v1/task_status/:task_id': 'owned',
  'GET /api/v1/tasks': 'own',
  'GET /api/v1/tasks/stream': 'own',
  'GET /api/v1/tasks/:task_id/events': 'owned',
  'POST /api/v1/tasks/:task_id/revoke': 'owned',
  'DELETE /api/v1/tasks/:task_id': 'owned',
  'GET /api/v1/images/:image_id': 'owned',
  'GET /api/v1/images': 'own',
  'POST /api/v1/images/download': 'own',
  'PUT /api/v1/images/:image_id/favourite': 'owned',
  'DELETE /api/v1/images/:image_id/favourite': 'owned',
  'DELETE /api/v1/images/:image_id': 'owned',
  'GET /api/v1/chats': 'own',
  'GET /api/v1/chats/:chat_id/messages': 'owned',
  'DELETE /api/v1/chats/:chat_id': 'owned',
  'POST /api/v1/uploads': 'own',
  'GET /api/v1/uploads': 'own',
  'GET /api/v1/uploads/:upload_id': 'owned',
  'DELETE /api/v1/uploads/:upload_id': 'owned',
  'GET /api/v1/files/:file_id': 'owned',
  'GET /api/v1/calculate': 'own',
  'POST /api/v1/keys': 'own',
  'GET /api/v1/keys': 'own',
  'DELETE /api/v1/keys/:key_id': 'owned',
  'GET /api/v1/credits': 'own',
  'POST /api/v1/webhooks': 'own',
  'GET /api/v1/webhooks': 'own',
  'GET /api/v1/webhooks/secret': 'own',
  'POST /api/v1/webhooks/rotate-secret': 'own',
  'GET /api/v1/webhooks/deliveries': 'own',
  'GET /api/v1/webhooks/deliveries/:delivery_id': 'owned',
  'POST /api/v1/webhooks/deliveries/:delivery_id/replay': 'owned',
  'GET /api/v1/webhooks/:webhook_id': 'owned',
  'PATCH /api/v1/webhooks/:webhook_id': 'owned',
  'DELETE /api/v1/webhooks/:webhook_id': 'owned',
  'POST /api/v1/webhooks/:webhook_id/rotate-secret': 'owned',
  'POST /api/v1/webhooks/:webhook_id/test': 'owned',
  'GET /api/v1/webhooks/:webhook_id/deliveries': 'owned',
  'GET /api/v1/events/search': 'own',
  'GET /events/search': 'own',
  'GET /api/v1/users': 'admin',
  'GET /api/v1/users/:user_id': 'admin',
  'PATCH /api/v1/users/:user_id': 'admin',
  'DELETE /api/v1/users/:user_id': 'admin',
  'GET /api/v1/users/:user_id/credits': 'admin',
  'POST /api/v1/users/:user_id/credits': 'admin',
  'POST /api/v1/tasks/:task_id/refund': 'admin',
  'GET /api/v1/admin/storage': 'admin',
  'POST /api/v1/events': 'own',
  'POST /api/v1/events/batch': 'own',
  'GET /api/v1/events': 'own',
  'POST /api/v1/events/reprocess': 'own',
  'GET /api/v1/events/:event_id': 'owned',
  'POST /api/v1/events/:event_id/reprocess': 'owned',
  'POST /events': 'own',
  'POST /events/batch': 'own',
  'GET /api/v1/pipelines': 'own',
  'POST /api/v1/event-sources': 'own',
  'GET /api/v1/event-sources': 'own',
  'DELETE /api/v1/event-sources/:source_id': 'owned',
  'POST /api/v1/event-sources/:source_id/rotate-secret': 'owned',
  'POST /api/v1/event-sources/:source_id/events': 'signed',
  'GET /api/v1/admin/feedback': 'admin',
};

/** @returns undefined for a route without a rule */
export function ruleOf(verb: string, url: string): RouteRule | undefined {
  if (url.startsWith('/admin/queues')) return 'board';
  // The description of the API and its files.
  if (/^\/api\/(docs|openapi\.json)/.test(url)) return 'own';
  return rules[`${verb === 'HEAD' ? 'GET' : verb} ${url}`];
}

/** Those that have rules of their own. */
export function ruledRoutes(): string[] {
  return Object.keys(rules);
}
