using System.Text;
using static ChatCqrs.WebApi.Tests.Accounts.AccountCalls;

namespace ChatCqrs.WebApi.Tests.Accounts;

public sealed class ProfileTests(SharedServer server) : IClassFixture<SharedServer>
{
    private const string Me = "/v1/users/me";

    [Fact]
    public async Task Ones_own_profile_is_there_right_after_registration()
    {
        var phone = NewPhone();
        var tokens = await server.SignInAsync(phone, "Ann");

        var profile = (await server.GetAsync(Me, tokens.Access)).Is(200);

        Assert.Equal(
            ["user_id", "phone", "name", "about", "avatar", "created_at"],
            profile.Body.EnumerateObject().Select(member => member.Name));
        Assert.Equal(
            (tokens.User, phone, "Ann", null),
            (profile.Text("user_id"), profile.Text("phone"), profile.Text("name"), profile.Text("about")));
    }

    [Fact]
    public async Task A_profile_is_changed_in_part()
    {
        var tokens = await server.SignInAsync(name: "Ann");

        var changed = (await server.PatchAsync(
            Me, new { about = "At the sea\nfor a while", avatar = (string?)null },
            tokens.Access)).Is(200);

        Assert.Equal(("Ann", "At the sea\nfor a while"), (changed.Text("name"), changed.Text("about")));
        Assert.True(changed.Headers.Contains("Chat-Position"));
        Assert.Equal(changed.Body.ToString(), (await server.GetAsync(Me, tokens.Access)).Body.ToString());
        Assert.Null((await server.PatchAsync(Me, new { name = (string?)null }, tokens.Access)).Text("name"));
        Assert.Equal("At the sea\nfor a while", (await server.GetAsync(Me, tokens.Access)).Text("about"));
    }

    [Fact]
    public async Task Changes_of_different_parts_at_the_same_time_both_hold()
    {
        var tokens = await server.SignInAsync(name: "Ann");

        await Task.WhenAll(
            server.PatchAsync(Me, new { name = "Anna" }, tokens.Access),
            server.PatchAsync(Me, new { about = "Away" }, tokens.Access),
            server.PatchAsync(Me, new { avatar = (string?)null }, tokens.Access));

        var profile = await server.GetAsync(Me, tokens.Access);
        Assert.Equal(("Anna", "Away"), (profile.Text("name"), profile.Text("about")));
    }

    [Theory]
    [InlineData("""{"name":""}""", "name")]
    [InlineData("""{"name":7}""", "name")]
    [InlineData("""{"name":"\u3164"}""", "name")]
    [InlineData("""{"name":"\u202e"}""", "name")]
    [InlineData("""{"name":"a\u0300\u0301\u0302\u0303\u0304"}""", "name")]
    [InlineData("""{"name":"a\u0000b"}""", "name")]
    [InlineData("""{"about":["x"]}""", "about")]
    [InlineData("""{"about":"a\u0007b"}""", "about")]
    [InlineData("""{"avatar":{}}""", "avatar")]
    public async Task A_part_that_does_not_fit_is_named(string body, string field)
    {
        var tokens = await server.SignInAsync(name: "Ann");

        (await server.PatchAsync(Me, new StringContent(body, Encoding.UTF8, "application/json"), tokens.Access))
            .IsInvalid(field);

        Assert.Equal("Ann", (await server.GetAsync(Me, tokens.Access)).Text("name"));
    }

    [Fact]
    public async Task A_part_that_is_too_long_is_named()
    {
        var tokens = await server.SignInAsync();

        (await server.PatchAsync(Me, new { about = new string('a', 501) }, tokens.Access)).IsInvalid("about");
        (await server.PatchAsync(Me, new { about = new string('a', 500) }, tokens.Access)).Is(200);
    }

    [Fact]
    public async Task The_phone_stays()
    {
        var phone = NewPhone();
        var tokens = await server.SignInAsync(phone);

        Assert.Equal(
            phone, (await server.PatchAsync(Me, new { phone = "+12025550100" }, tokens.Access)).Is(200).Text("phone"));
    }

    [Fact]
    public async Task Others_see_a_profile_without_its_phone()
    {
        var ann = await server.SignInAsync(name: "Ann");
        var ben = await server.SignInAsync(name: "Ben");

        var shown = (await server.GetAsync($"/v1/users/{ann.User}", ben.Access)).Is(200);

        Assert.Equal("Ann", shown.Text("name"));
        Assert.Equal(
            ["user_id", "name", "about", "avatar"], shown.Body.EnumerateObject().Select(member => member.Name));
    }

    [Fact]
    public async Task Many_profiles_come_at_once_each_once_and_without_those_that_nobody_has()
    {
        var ann = await server.SignInAsync(name: "Ann");
        var ben = await server.SignInAsync(name: "Ben");
        var gone = await server.SignInAsync(name: "Gone");
        (await server.DeleteAsync(Me, gone.Access)).Is(204);

        var shown = (await server.GetAsync(
            $"/v1/users?ids={ben.User},{Guid.NewGuid()},{ann.User},{gone.User},{ben.User.ToUpperInvariant()}",
            ann.Access)).Is(200);

        Assert.Equal(["users"], shown.Body.EnumerateObject().Select(member => member.Name));
        var users = shown["users"].EnumerateArray().ToList();
        Assert.All(users, user => Assert.Equal(
            ["user_id", "name", "about", "avatar"], user.EnumerateObject().Select(member => member.Name)));
        Assert.Equal(
            new HashSet<(string?, string?)> { (ann.User, "Ann"), (ben.User, "Ben") },
            users.Select(user => (user.GetProperty("user_id").GetString(), user.GetProperty("name").GetString()))
                .ToHashSet());
        Assert.Equal(2, users.Count);
    }

    [Fact]
    public async Task An_account_whose_erasure_is_under_way_is_left_out_of_many_profiles()
    {
        var (ann, gone) = (await server.SignInAsync(name: "Ann"), await server.SignInAsync(name: "Gone"));
        (await server.GetAsync($"/v1/users?ids={gone.User}", ann.Access)).Is(200);
        await using (var command = server.Database.CreateCommand(
            "UPDATE chat.mt_doc_users SET data = jsonb_set(data, '{profile}', '\"\"') WHERE id = $1"))
        {
            // As the event is folded: the key is shredded later.
            command.Parameters.Add(new() { Value = gone.User });
            Assert.Equal(1, await command.ExecuteNonQueryAsync());
        }

        var shown = (await server.GetAsync($"/v1/users?ids={ann.User},{gone.User}", ann.Access)).Is(200);

        Assert.Equal(ann.User, Assert.Single(shown["users"].EnumerateArray()).GetProperty("user_id").GetString());
    }

    [Fact]
    public async Task Many_profiles_are_up_to_two_hundred_well_formed_ids()
    {
        var ann = await server.SignInAsync(name: "Ann");
        var most = string.Join(',', Enumerable.Range(0, 199).Select(_ => Guid.NewGuid()).Append(Guid.Parse(ann.User)));

        Assert.Equal(1, (await server.GetAsync($"/v1/users?ids={most}", ann.Access)).Is(200)["users"].GetArrayLength());
        var folded = (await server.GetAsync($"/v1/users?IDS={most},{ann.User}", ann.Access)).Is(200);
        Assert.Equal(1, folded["users"].GetArrayLength());
        foreach (var wrong in (string[])["", "?ids=", "?ids=ann", $"?ids={ann.User},", $"?ids={most},{Guid.NewGuid()}"])
            (await server.GetAsync($"/v1/users{wrong}", ann.Access)).IsInvalid("ids");
        (await server.GetAsync($"/v1/users?ids={ann.User}")).IsProblem(401, "unauthenticated");
    }

    [Fact]
    public async Task A_user_that_does_not_exist_is_unknown()
    {
        var tokens = await server.SignInAsync();

        (await server.GetAsync($"/v1/users/{Guid.CreateVersion7()}", tokens.Access)).IsProblem(404, "user_unknown");
        (await server.GetAsync("/v1/users/nobody", tokens.Access)).IsProblem(404, "user_unknown");
    }

    [Fact]
    public async Task Strangers_to_the_server_see_nobody()
    {
        (await server.GetAsync($"/v1/users/{Guid.CreateVersion7()}")).IsProblem(401, "unauthenticated");
        (await server.PatchAsync(Me, new { name = "Ann" })).IsProblem(401, "unauthenticated");
    }
}
