using static ChatCqrs.WebApi.Tests.Accounts.AccountCalls;

namespace ChatCqrs.WebApi.Tests.Accounts;

public sealed class DeviceTests(SharedServer server) : IClassFixture<SharedServer>
{
    [Fact]
    public async Task The_devices_are_listed_and_the_one_that_asks_is_marked()
    {
        var phone = NewPhone();
        var first = await server.SignInAsync(phone, device: "Phone");
        var second = await server.SignInAsync(phone, device: "Laptop");

        var devices = (await server.GetAsync("/v1/devices", second.Access)).Is(200)["devices"].EnumerateArray()
            .ToArray();

        Assert.Equal(
            ["device_id", "name", "platform", "created_at", "last_seen", "current", "ephemeral"],
            devices[0].EnumerateObject().Select(member => member.Name));
        Assert.Equal(
            [(first.Device, "Phone", false), (second.Device, "Laptop", true)],
            devices.Select(device => (
                device.GetProperty("device_id").GetString()!, device.GetProperty("name").GetString()!,
                device.GetProperty("current").GetBoolean())));
        Assert.All(devices, device => Assert.InRange(
            DateTimeOffset.UtcNow - device.GetProperty("last_seen").GetDateTimeOffset(), TimeSpan.FromSeconds(-5),
            TimeSpan.FromMinutes(1)));
    }

    [Fact]
    public async Task A_device_may_be_ephemeral_and_is_another_one_than_the_same_that_is_not()
    {
        var phone = NewPhone();
        var first = await server.SignInAsync(phone, device: "Phone");
        var started = (await server.StartAsync(phone)).Is(202);
        var browser = new { name = "Browser", platform = "web", ephemeral = true };
        var path = $"/v1/registrations/{started.Text("registration_id")}/verification";
        var code = started.Text("code");

        var signedIn = (await server.PostAsync(path, new { code, device = browser })).Is(200);
        Assert.Equal(
            signedIn.Body.GetRawText(),
            (await server.PostAsync(path, new { code, device = browser })).Is(200).Body.GetRawText());
        (await server.PostAsync(path, new { code, device = new { browser.name, browser.platform } }))
            .IsProblem(410, "registration_burnt");

        var devices = (await server.GetAsync("/v1/devices", first.Access)).Is(200)["devices"].EnumerateArray();
        Assert.Equal(
            [(first.Device, false), (signedIn.Text("device_id"), true)],
            devices.Select(device => (
                device.GetProperty("device_id").GetString()!, device.GetProperty("ephemeral").GetBoolean())));
        (await server.PostAsync(path, new { code, device = new { name = "B", platform = "web", ephemeral = "yes" } }))
            .IsProblem(400, "malformed_json");
    }

    [Fact]
    public async Task A_device_that_is_removed_ends_at_once_and_the_others_go_on()
    {
        var phone = NewPhone();
        var first = await server.SignInAsync(phone);
        var second = await server.SignInAsync(phone);
        (await server.GetAsync("/v1/devices", first.Access)).Is(200);

        var removed = (await server.DeleteAsync($"/v1/devices/{first.Device}", second.Access)).Is(204);

        Assert.True(removed.Headers.Contains("Chat-Position"));
        (await server.GetAsync("/v1/devices", first.Access)).IsProblem(401, "device_signed_out");
        (await server.RefreshAsync(first.Refresh)).IsProblem(401, "refresh_token_invalid");
        Assert.Equal(1, (await server.GetAsync("/v1/devices", second.Access))["devices"].GetArrayLength());
    }

    [Fact]
    public async Task A_device_can_sign_itself_out()
    {
        var tokens = await server.SignInAsync();

        (await server.DeleteAsync($"/v1/devices/{tokens.Device}", tokens.Access)).Is(204);

        (await server.GetAsync("/v1/users/me", tokens.Access)).IsProblem(401, "device_signed_out");
    }

    [Fact]
    public async Task A_device_that_is_not_ones_own_is_unknown()
    {
        var ann = await server.SignInAsync();
        var ben = await server.SignInAsync();

        (await server.DeleteAsync($"/v1/devices/{ben.Device}", ann.Access)).IsProblem(404, "device_unknown");
        (await server.DeleteAsync($"/v1/devices/{Guid.NewGuid()}", ann.Access)).IsProblem(404, "device_unknown");
        (await server.DeleteAsync("/v1/devices/none", ann.Access)).IsProblem(404, "device_unknown");

        (await server.GetAsync("/v1/users/me", ben.Access)).Is(200);
    }

    [Fact]
    public async Task Strangers_to_the_server_see_no_devices()
    {
        (await server.GetAsync("/v1/devices")).IsProblem(401, "unauthenticated");
        (await server.DeleteAsync($"/v1/devices/{Guid.NewGuid()}")).IsProblem(401, "unauthenticated");
    }
}
