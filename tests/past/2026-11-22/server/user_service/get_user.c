/* GetUser: reads one user. Yours: c-svc wrote this file once. */
#include "services.h"

/* The user with this id. */
csvc_code user_service_get_user(struct service *svc, csvc_ctx *ctx, const User__GetUserRequest *req,
                                User__GetUserResponse *rsp)
{
    return user_store_get(svc->db, ctx, req->id, &rsp->user);
}
