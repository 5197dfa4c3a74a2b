namespace ChatCqrs.Demo.Scenes;

/// <summary>Two users register with their phones and a code.</summary>
public sealed class Registration : IScene
{
    public string Title => "Two people register";

    public async Task PlayAsync(Stage stage)
    {
        foreach (var name in new[] { "Ada", "Ben" })
        {
            var person = await stage.RegisterAsync(name);
            var me = (await person.GetAsync("/v1/users/me")).Expect(200).Body;
            if (me.GetProperty("name").GetString() != name || me.GetProperty("phone").GetString() != person.Phone)
                throw new NotSeenException($"{name}'s profile: {me}");
            stage.Narrator.Saw(name, $"is registered as {person.Phone}, user {person.Id}");
        }
    }
}
