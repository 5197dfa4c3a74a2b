namespace ChatCqrs.Demo.Scenes;

/// <summary>A part of the conversation. It ends when all of it was seen.</summary>
public interface IScene
{
    string Title { get; }

    /// <exception cref="NotSeenException">Something that the product promises was not seen.</exception>
    Task PlayAsync(Stage stage);
}
