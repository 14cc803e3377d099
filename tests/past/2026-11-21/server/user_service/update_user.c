/* UpdateUser: changes one user. Yours: c-svc wrote this file once. */
#include "services.h"

/* Replaces username, email and full name. */
csvc_code user_service_update_user(struct service *svc, csvc_ctx *ctx,
                                   const User__UpdateUserRequest *req,
                                   User__UpdateUserResponse *rsp)
{
    const csvc_column_set set = USER_STORE_USERNAME | USER_STORE_EMAIL | USER_STORE_FULL_NAME;
    User__User user = USER__USER__INIT;

    user.id = req->id;
    user.username = req->username;
    user.email = req->email;
    user.full_name = req->full_name;
    return user_store_update(svc->db, ctx, &user, set, &rsp->user);
}
