/* DeleteUser: removes one user. Yours: c-svc wrote this file once. */
#include "services.h"

/* Removes a user. */
csvc_code user_service_delete_user(struct service *svc, csvc_ctx *ctx,
                                   const User__DeleteUserRequest *req,
                                   User__DeleteUserResponse *rsp)
{
    csvc_code code = user_store_delete(svc->db, ctx, req->id);

    if (code == CSVC_OK) {
        rsp->success = true;
    }
    return code;
}
